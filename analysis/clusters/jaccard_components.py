"""Components of latents that fire together, after Clarke, Bhatnagar and Bloom 2024: a preset.

Connected components of the pairs above a Jaccard threshold, chosen so that the largest component
has 150 to 200 latents.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse
from scipy.sparse.csgraph import connected_components

from analysis.bundle import LatentTable
from analysis.cooccurrence.association import TwoByTwo, jaccard
from analysis.runtime.arrays import Bools, Floats, Int32s, Ints

NOISE = -1
CLARKE_LARGEST = (150, 200)

Labels = Int32s
_Edges = tuple[Ints, Ints, Floats]
"""Both ends and the values of edges, [m] each."""


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


def _pieces(partners: LatentTable) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Latents, partners and joint tokens of the kept pairs, a row group at a time."""
    for rows in partners.pieces():
        a, b, joint = (
            rows[name].to_numpy().astype(np.int64) for name in ("latent", "partner", "joint_tokens")
        )
        yield a, b, joint


def _joined(pieces: Sequence[_Edges]) -> _Edges:
    none = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0)
    a, b, value = (np.concatenate(part) for part in zip(none, *pieces, strict=True))
    return a, b, value


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
    a, b, value = _jaccard_edges(partners, active_tokens, eligible)
    values = np.unique(value)[::-1]
    edges = np.concatenate([[0], np.searchsorted(-value, -values, side="right")])
    few, many = 0, len(values)  # how many of the values, from the largest on, are accepted
    while few < many:
        middle = (few + many + 1) // 2
        if _components(a, b, edges[middle], len(active_tokens))[1].max(initial=0) <= largest[1]:
            few = middle
        else:
            many = middle - 1
    labels, sizes = _components(a, b, edges[few], len(active_tokens))
    return Components(
        threshold=float(values[few - 1]) if few else 1.0,
        labels=labels,
        sizes=sizes,
        edges=int(edges[few]),
        in_range=bool(sizes.max(initial=0) >= largest[0]),
    )


def _jaccard_edges(partners: LatentTable, active_tokens: Ints, eligible: Bools) -> _Edges:
    """Each kept pair of eligible latents once, by descending Jaccard."""
    edges_by_piece: list[_Edges] = []
    for a, b, joint in _pieces(partners):
        value = jaccard(TwoByTwo(joint, active_tokens[a] - joint, active_tokens[b] - joint, 0))
        keep = eligible[a] & eligible[b]
        edges_by_piece.append((np.minimum(a, b)[keep], np.maximum(a, b)[keep], value[keep]))
    a, b, value = _joined(edges_by_piece)
    once = np.unique(a * len(active_tokens) + b, return_index=True)[1]
    order = once[np.argsort(-value[once], kind="stable")]
    return a[order], b[order], value[order]


def _components(a: Ints, b: Ints, edges: int, F: int) -> tuple[Labels, Ints]:
    """Components [F] of the first `edges` edges, and their sizes, the largest first."""
    ends = a[:edges], b[:edges]
    graph = scipy.sparse.coo_matrix((np.ones(edges, dtype=np.int8), ends), shape=(F, F))
    labels = _numbered(connected_components(graph, directed=False)[1], smallest=2)
    return labels, np.bincount(labels[labels >= 0])
