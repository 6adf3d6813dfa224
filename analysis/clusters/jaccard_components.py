"""Components of latents that fire together, after Clarke, Bhatnagar and Bloom 2024: a preset.

Connected components of the pairs above a Jaccard threshold, chosen so that the largest component
has 150 to 200 latents.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse
from scipy.sparse.csgraph import connected_components

from analysis.bundle import LatentTable
from analysis.cooccurrence.association import TwoByTwo, jaccard
from analysis.runtime.arrays import Bools, Floats, Int32s, Ints

NOISE = -1
CLARKE_LARGEST = (150, 200)

MOST_EDGES = 250_000
"""Edges that are kept before those that no threshold can accept are dropped."""

Labels = Int32s


@dataclass(frozen=True)
class Components:
    """Connected components of the pairs at or above a Jaccard threshold."""

    threshold: float
    labels: Labels
    """[F] component of each latent, numbered by descending size; -1 without an edge."""
    sizes: Ints
    """[components] latents, descending."""
    edges: int
    in_range: bool
    """Whether the largest has at least 150 latents. One edge can join two large components, so
    that no threshold gives a size between 150 and 200."""


def _numbered(labels: npt.NDArray[Any], smallest: int) -> Labels:
    """The labels renumbered by descending size; ties by their first latent.

    Sets of fewer than `smallest` latents become NOISE.
    """
    _, first, member, counts = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    number = np.empty(len(counts), dtype=np.int32)
    number[np.lexsort((first, -counts))] = np.arange(len(counts))
    number[counts < smallest] = NOISE
    return number[member]


def clarke_2024(
    partners: LatentTable,
    active_tokens: Ints,
    *,
    eligible: Bools,
    largest: tuple[int, int] = CLARKE_LARGEST,
) -> Components:
    """Components of the pairs above the lowest Jaccard threshold that keeps the largest component
    at or below `largest[1]` latents.

    The threshold is the Jaccard of a kept pair, found by bisection over these values: the largest
    component only grows as the threshold falls. Clarke, Bhatnagar and Bloom 2024, section 3. They
    count every pair and call a latent active above 1.5; here the pairs are the kept partners of the
    `eligible` [F] latents, at the bundle's active rule.
    """
    edges = _acceptable_edges(partners, active_tokens, eligible, largest[1])
    values, last, few = _accepted(edges, len(active_tokens), largest[1])
    of_components = edges.first(last[few])
    labels = _numbered(_connected(of_components, len(active_tokens)), smallest=2)
    sizes = np.bincount(labels[labels >= 0])
    return Components(
        threshold=float(values[few - 1]) if few else 1.0,
        labels=labels,
        sizes=sizes,
        edges=int(last[few]),
        in_range=bool(sizes.max(initial=0) >= largest[0]),
    )


class _Edges(NamedTuple):
    """Pairs of latents, [m] each; ordered ones come once, by descending value."""

    pair: Ints
    """The smaller id times F, plus the larger one."""
    value: Floats

    def first(self, count: int) -> "_Edges":
        return _Edges(self.pair[:count], self.value[:count])


def _acceptable_edges(
    partners: LatentTable, active_tokens: Ints, eligible: Bools, most: int
) -> _Edges:
    """Each kept pair of eligible latents once, by descending Jaccard.

    Once some of the pairs have a component of more than `most` latents at a value, all pairs have
    one at that value and below it. Such pairs are dropped as soon as they are many, so that memory
    does not grow with the number of pairs.
    """
    F, refused = len(active_tokens), -1.0
    parts, waiting, limit = [_Edges(np.empty(0, dtype=np.int64), np.empty(0))], 0, MOST_EDGES
    for rows in partners.pieces(["latent", "partner", "joint_tokens"]):
        part = _piece(rows, active_tokens, eligible, refused)
        parts.append(part)
        waiting += len(part.pair)
        if waiting > limit:
            edges = _once(parts)
            values, last, few = _accepted(edges, F, most)
            refused = values[few] if few < len(values) else refused
            parts = [edges.first(last[few])]
            waiting = len(parts[0].pair)
            limit = max(MOST_EDGES, 2 * waiting)
    return _once(parts)


def _piece(rows: pa.Table, active_tokens: Ints, eligible: Bools, refused: float) -> _Edges:
    """The edges of some rows of the partners with a value above `refused`."""
    columns = ("latent", "partner", "joint_tokens")
    a, b, joint = (rows[name].to_numpy().astype(np.int64) for name in columns)
    value = jaccard(TwoByTwo(joint, active_tokens[a] - joint, active_tokens[b] - joint, 0))
    keep = np.flatnonzero(eligible[a] & eligible[b] & (value > refused))
    a, b = a[keep], b[keep]
    return _Edges(np.minimum(a, b) * len(active_tokens) + np.maximum(a, b), value[keep])


def _once(parts: Sequence[_Edges]) -> _Edges:
    """Each edge of the parts once, by descending value."""
    pair, value = (np.concatenate(column) for column in zip(*parts, strict=True))
    pair, place = np.unique(pair, return_index=True)
    value = value[place]
    order = np.argsort(-value, kind="stable")
    return _Edges(pair[order], value[order])


def _accepted(edges: _Edges, F: int, most: int) -> tuple[Floats, Ints, int]:
    """The different values, descending; the number of edges down to each, after a 0; and how many
    of the values have no component of more than `most` latents."""
    values = np.unique(edges.value)[::-1]
    last = np.concatenate([[0], np.searchsorted(-edges.value, -values, side="right")])
    few, many = 0, len(values)
    while few < many:
        middle = (few + many + 1) // 2
        if _largest(edges.first(last[middle]), F) <= most:
            few = middle
        else:
            many = middle - 1
    return values, last, few


def _largest(edges: _Edges, F: int) -> int:
    """The latents of the largest component."""
    # Numbered anew, because the time of a graph grows with all latents, not with those in edges.
    ids, ends = np.unique(np.concatenate(np.divmod(edges.pair, F)), return_inverse=True)
    n = max(len(ids), 1)
    a, b = np.split(ends, 2)
    return int(np.bincount(_connected(_Edges(a * n + b, edges.value), n)).max())


def _connected(edges: _Edges, F: int) -> Labels:
    """The number of the component of each latent [F]."""
    ones = np.ones(len(edges.pair), dtype=np.int8)
    graph = scipy.sparse.coo_array((ones, np.divmod(edges.pair, F)), shape=(F, F))
    return np.asarray(connected_components(graph, directed=False)[1])
