"""The strongest context of a latent as a short text, for lists and cards."""

from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.labels.cut_characters import decoded, whole_characters, without_pieces
from analysis.latents.windows import WindowReader
from analysis.runtime.arrays import Ints
from charts.core.cache import cached
from charts.core.text import visible

WINDOW = 24
"""Tokens of a context."""
BEFORE, AFTER = 24, 36
"""Characters of a line before and after the token."""


class Snippet(NamedTuple):
    """The text before the picked token, the token, and the text after it."""

    before: str
    token: str
    after: str

    @property
    def line(self) -> str:
        """The snippet as one short line, with the token in brackets."""
        start = "…" if len(self.before) > BEFORE else ""
        end = "…" if len(self.after) > AFTER else ""
        token = self.token.strip() or "␣"
        before = self.before[-BEFORE:] + (" " if self.token.startswith(" ") else "")
        return f"{start}{before}[{token}]{self.after[:AFTER]}{end}" if self.token else ""


NO_SNIPPET = Snippet("", "", "")


@cached
def strongest_snippets(bundle: Bundle, latents: Ints) -> dict[int, Snippet]:
    """The strongest context of each latent [n] that has one."""
    contexts = bundle.contexts.of(np.unique(latents))
    contexts = contexts.filter(pc.equal(contexts["kind"].cast("string"), "top"))
    order = [("latent", "ascending"), ("activation", "descending"), ("position", "ascending")]
    contexts = contexts.sort_by(order)
    first = np.unique(contexts["latent"].to_numpy(), return_index=True)[1]
    windows = WindowReader.of(bundle).read_texts(contexts.take(first), WINDOW)
    columns = (windows[name].to_pylist() for name in ("latent", "tokens", "peak"))
    return {latent: snippet_of(tokens, peak) for latent, tokens, peak in zip(*columns, strict=True)}


def snippet_of(tokens: list[str], peak: int) -> Snippet:
    """The window around a picked token, which is extended to whole characters."""
    start, stop = next(run for run in whole_characters(tokens) if peak < run[1])
    parts = tokens[:start], tokens[start:stop], tokens[stop:]
    return Snippet(*(visible(without_pieces(decoded("".join(part)))) for part in parts))
