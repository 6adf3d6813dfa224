"""One strong context of a latent or cluster as a short text, for lists and cards."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.labels.cut_characters import decoded, whole_characters, without_pieces
from analysis.labels.label_summary import GOOD_PRECISION
from analysis.labels.label_tokens import label_is_about, name_is_about, stands_alone
from analysis.latents.windows import WindowReader
from analysis.runtime.arrays import Ints
from charts.core.cache import cached
from charts.core.text import visible

WINDOW = 24
"""Tokens of a context."""
MOST_MEMBERS = 24
"""Members of a cluster that may show what it is about."""
BEFORE, AFTER = 24, 36
"""Characters of a line before and after the token."""

About = Callable[[list[str], int], int]
"""How well the token at a place of a passage shows what a label is about: 0 (not) to BEST."""
BEST = 2


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
    """The context of each latent [n] that `shown_contexts` picks for it."""
    windows = _texts(bundle, shown_contexts(bundle, np.unique(latents)))
    return {latent: snippet_of(tokens, peak) for latent, tokens, peak in windows}


@cached
def cluster_snippets(bundle: Bundle, clusters: Ints) -> dict[int, tuple[int, Snippet]]:
    """A member of each cluster [n] with one of its strongest contexts.

    It is the first member in the reading order, or with most active tokens, whose strongest context
    is on a token that the name of the cluster is about, among the first MOST_MEMBERS. If there is
    one where that token stands alone, it is that one, since "and" in "andremo" is no "and". Without
    a token of the name it is the first member. Contexts are relative to each member's own maximum,
    so all are as strong.
    """
    members = ordered_members(bundle, clusters, MOST_MEMBERS)
    contexts = _top_contexts(bundle, np.unique([one for row in members for one in row]))
    row_of = dict(zip(*_first_rows(contexts), strict=True))
    candidates = [[row_of[one] for one in row if one in row_of] for row in members]
    names = bundle.clusters["label"].take(pa.array(clusters)).to_pylist()
    chosen = _picked(bundle, contexts, candidates, list(map(_named, names)))
    return {int(clusters[i]): (latent, snippet) for i, (latent, snippet) in chosen.items()}


def shown_contexts(bundle: Bundle, latents: Ints) -> pa.Table:
    """One context of each of the ascending latents [n] that has any, by latent.

    It is the strongest one; if the label is right at least half of the time, the strongest one on a
    token that the label is about, if there is one.
    """
    contexts = _top_contexts(bundle, latents)
    known, first = _first_rows(contexts)
    ends = [*first[1:], contexts.num_rows][: len(first)]
    labels = _right_labels(bundle, known)
    rows = dict(zip(known, first, strict=True))
    candidates = [list(range(start, end)) for start, end in zip(first, ends, strict=True)]
    wanted = [i for i, label in enumerate(labels) if label]
    about = [_labelled(labels[i]) for i in wanted]
    for i, row in _first_about(bundle, contexts, [candidates[i] for i in wanted], about).items():
        rows[known[wanted[i]]] = row
    return contexts.take(pa.array([rows[latent] for latent in known], pa.int64()))


def ordered_members(bundle: Bundle, clusters: Ints, most: int) -> list[list[int]]:
    """The first members of each cluster [n] in the reading order; others by their active tokens."""
    member, cluster = (bundle.memberships[name].to_numpy() for name in ("latent", "cluster"))
    inside = np.flatnonzero(np.isin(cluster, clusters))
    member, cluster = member[inside], cluster[inside]
    rank = pc.fill_null(bundle.latents["reading_rank"], 2**31 - 1).to_numpy()[member]
    active = bundle.latents["active_tokens"].to_numpy()[member]
    order = np.lexsort((member, -active, rank, cluster))
    first = np.searchsorted(cluster[order], clusters)
    last = np.searchsorted(cluster[order], clusters, side="right")
    return [
        member[order][start : min(end, start + most)].tolist()
        for start, end in zip(first.tolist(), last.tolist(), strict=True)
    ]


def _top_contexts(bundle: Bundle, latents: Ints) -> pa.Table:
    """The strongest contexts of latents, by latent, strongest first."""
    contexts = bundle.contexts.of(latents)
    contexts = contexts.filter(pc.equal(contexts["kind"].cast("string"), "top"))
    keys = ("activation", "descending"), ("document", "ascending"), ("position", "ascending")
    return contexts.sort_by([("latent", "ascending"), *keys])


def _first_rows(contexts: pa.Table) -> tuple[list[int], list[int]]:
    """The latents of sorted contexts, and the first row of each."""
    latents, first = np.unique(contexts["latent"].to_numpy(), return_index=True)
    return latents.tolist(), first.tolist()


def _right_labels(bundle: Bundle, latents: list[int]) -> list[str]:
    """The label of each latent; empty if it is not right at least half of the time."""
    rows = bundle.latents.select(["label", "label_precision"]).take(pa.array(latents, pa.int64()))
    good = pc.fill_null(pc.greater_equal(rows["label_precision"], GOOD_PRECISION), False)
    return pc.if_else(good, rows["label"].cast(pa.string()), "").to_pylist()


def _labelled(label: str) -> About:
    return lambda tokens, peak: BEST * label_is_about(label, tokens, peak)


def _named(name: str | None) -> About:
    def about(tokens: list[str], peak: int) -> int:
        is_about = name_is_about(name or "", tokens, peak)
        return is_about + (is_about and stands_alone(tokens, peak))

    return about


def _picked(
    bundle: Bundle, contexts: pa.Table, candidates: list[list[int]], about: list[About]
) -> dict[int, tuple[int, Snippet]]:
    """For each list of rows, the latent and the snippet of the first of those that are best about
    it, or of the first."""
    rows = {i: own[0] for i, own in enumerate(candidates) if own}
    rows |= _first_about(bundle, contexts, candidates, about)
    windows = _texts(bundle, contexts.take(pa.array(list(rows.values()), pa.int64())))
    return {
        i: (latent, snippet_of(tokens, peak))
        for i, (latent, tokens, peak) in zip(rows, windows, strict=True)
    }


def _first_about(
    bundle: Bundle, contexts: pa.Table, candidates: list[list[int]], about: list[About]
) -> dict[int, int]:
    """The first of the rows of each list whose picked token is best about its owner; lists where
    none is are absent.

    Most first rows are the best there can be, so the others are read only where they are needed.
    """
    chosen: dict[int, tuple[int, int]] = {}
    for part in (slice(0, 1), slice(1, None)):
        pairs = [
            (i, row)
            for i, own in enumerate(candidates)
            if i not in chosen or chosen[i][0] < BEST
            for row in own[part]
        ]
        rows = sorted({row for _, row in pairs})
        texts = dict(
            zip(rows, _texts(bundle, contexts.take(pa.array(rows, pa.int64()))), strict=True)
        )
        for i, row in pairs:
            before = chosen[i][0] if i in chosen else 0
            if before < BEST and (value := about[i](*texts[row][1:])) > before:
                chosen[i] = value, row
    return {i: row for i, (_, row) in chosen.items()}


def _texts(bundle: Bundle, contexts: pa.Table) -> list[tuple[int, list[str], int]]:
    """The latent, the tokens and the index of the picked token of contexts, in their order."""
    if not contexts.num_rows:
        return []
    windows = WindowReader.of(bundle).read_texts(contexts, WINDOW)
    columns = (windows[name].to_pylist() for name in ("latent", "tokens", "peak"))
    return list(zip(*columns, strict=True))


def snippet_of(tokens: list[str], peak: int) -> Snippet:
    """The window around a picked token, which is extended to whole characters."""
    start, stop = next(run for run in whole_characters(tokens) if peak < run[1])
    parts = tokens[:start], tokens[start:stop], tokens[stop:]
    return Snippet(*(visible(without_pieces(decoded("".join(part)))) for part in parts))
