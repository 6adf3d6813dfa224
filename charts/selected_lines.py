"""Which latents a selection has, and in which of their texts its words are."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from analysis.bundle import Bundle
from analysis.runtime.arrays import Bools
from analysis.selection import And, Or, Pattern, Search, Selection
from analysis.selection.text_search import Matches, containing, matching
from charts.core.names import in_quotes, name_by_latent
from charts.core.text import shown_label, shown_token

MOST = 20
"""Latents of a list."""
LONGEST = 80
"""Characters of a name or an explanation."""


@dataclass(frozen=True)
class SelectedLine:
    """A selected latent. All texts are for display."""

    latent: int
    name: str
    """Its label, or its top tokens in quotes."""
    reason: str
    """The texts in which the words of the selection are; its top tokens if there are none."""


def selected_lines(bundle: Bundle, mask: Bools, selection: Selection) -> list[SelectedLine]:
    """The first MOST latents of a mask [n_latents], by id, with the reason for each.

    Words behind a `!` are no reason, and neither are numbers, which the selection states itself.
    """
    latents = np.flatnonzero(mask)[:MOST]
    columns = ["latent", "label", "explanation", "top_tokens"]
    rows = bundle.latents.select(columns).take(pa.array(latents)).to_pylist()
    names = name_by_latent(bundle, latents.tolist())
    searches = tuple(_searches(selection))
    return [
        SelectedLine(
            row["latent"],
            shown_label(names[row["latent"]], LONGEST),
            _reason(row["label"], row["explanation"], row["top_tokens"] or [], searches),
        )
        for row in rows
    ]


def _searches(selection: Selection) -> Iterator[Matches]:
    """What finds the words of a selection in texts."""
    match selection:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _searches(part)
        case Search(text):
            yield containing(text)
        case Pattern(text):
            yield matching(text)


def _reason(
    label: str | None, explanation: str | None, tokens: list[str], searches: tuple[Matches, ...]
) -> str:
    """Where the words are, such as "in its label; its 2nd top token “Python”"."""
    texts = pa.array([label or "", explanation or "", *tokens], pa.string())
    hits = np.zeros(len(texts), dtype=bool)
    for matches in searches:
        hits |= matches(texts)
    parts = ["in its label"] * bool(hits[0])
    if hits[1]:
        parts.append(f"in its explanation “{shown_label(explanation or '', LONGEST)}”")
    places = np.flatnonzero(hits[2:]).tolist()
    if places:
        ordinals = ", ".join(f"“{shown_token(tokens[i]).strip()}” (number {i + 1})" for i in places)
        parts.append(f"among its {len(tokens)} top tokens: {ordinals}")
    return "; ".join(parts) or f"top tokens {in_quotes(tokens)}"
