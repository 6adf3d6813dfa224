"""Communities of latents that fire together, at several levels, with their stability.

The graph: an edge joins two latents if one is among the `partners_kept` strongest partners of the
other by phi, they share at least `minimum_joint` tokens, and phi is positive. The weight is phi.
Dense latents fire with everything and are excluded. Memory grows with latents x partners_kept.

The communities: Louvain (Blondel et al. 2008, by scikit-network), with several seeds at each of a
series of resolutions, because the right resolution differs between graphs. A level is a resolution
at which the seeds agree, by the adjusted Rand index. A graph of noise has communities too, but
they differ between seeds.

`clarke_2024` follows Clarke, Bhatnagar and Bloom 2024 instead: connected components of the pairs
above a Jaccard threshold, chosen so that the largest component has 150 to 200 latents.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse
from scipy.sparse.csgraph import connected_components

from analysis.bundle import TABLES, CommunityLevel, LatentTable
from analysis.clusters.stability import WEAK, agreement
from analysis.cooccurrence.association import TwoByTwo, jaccard, phi
from analysis.runtime.arrays import Bools, Floats, Int32s, Ints

NOISE = -1
SEEDS = 3
RESOLUTIONS = tuple(0.25 * 2.0**step for step in range(10))
SMALLEST = 3
"""Latents of the smallest community."""
LARGEST_SHARE = 0.5
"""A partition is ignored if its largest community has more than this share of the latents."""
APART = 2.5
"""The numbers of communities of two levels differ by at least this factor."""
MOST_LEVELS = 3
CLARKE_LARGEST = (150, 200)

Labels = Int32s
_Edges = tuple[Ints, Ints, Floats]
"""Both ends and the values of edges, [m] each."""


@dataclass(frozen=True)
class Communities:
    """The communities of every level."""

    table: pa.Table
    """The bundle's `communities` table."""
    levels: tuple[CommunityLevel, ...]
    """From the finest to the coarsest; empty if the graph has no edges."""


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


@dataclass(frozen=True)
class _Partition:
    """The communities of all seeds at one resolution."""

    resolution: float
    by_seed: tuple[Labels, ...]
    stability: float
    modularity: float
    """Of the first seed, at this resolution."""

    @property
    def communities(self) -> int:
        return int(self.by_seed[0].max(initial=NOISE)) + 1

    @property
    def largest_share(self) -> float:
        """Share of all latents of the graph that the largest community holds."""
        inside = self.by_seed[0][self.by_seed[0] >= 0]
        return float(np.bincount(inside).max() / len(self.by_seed[0])) if len(inside) else 0.0

    @property
    def worth(self) -> float:
        """Stability times the share of latents that are in a community."""
        covered = (self.by_seed[0] >= 0).mean() if len(self.by_seed[0]) else 0.0
        return round(self.stability * float(covered), 6)


def find_communities(
    partners: LatentTable,
    active_tokens: Ints,
    n_tokens: int,
    *,
    dense: Bools,
    partners_kept: int,
    minimum_joint: int,
    seed: int = 0,
) -> Communities:
    """Communities of the latents [F] at up to three levels, without those in `dense` [F].

    Community ids are unique over all levels: level 0 first, within a level by descending size.
    """
    graph = association_graph(
        partners,
        active_tokens,
        n_tokens,
        dense=dense,
        partners_kept=partners_kept,
        minimum_joint=minimum_joint,
    )
    latents = np.flatnonzero(np.diff(graph.indptr))
    inside = graph[latents][:, latents]
    partitions = [_partition(inside, resolution, seed) for resolution in RESOLUTIONS]
    return _assemble(choose_levels(partitions), latents, len(active_tokens), inside.nnz // 2)


def association_graph(
    partners: LatentTable,
    active_tokens: Ints,
    n_tokens: int,
    *,
    dense: Bools,
    partners_kept: int,
    minimum_joint: int,
) -> scipy.sparse.csr_matrix:
    """The symmetric graph [F, F] of the kept pairs, float64 phi as the weight."""
    F = len(active_tokens)
    edges_by_piece: list[_Edges] = []
    for a, b, joint in _pieces(partners):
        weight = phi(TwoByTwo.from_margins(joint, active_tokens[a], active_tokens[b], n_tokens))
        keep = (joint >= minimum_joint) & (weight > 0) & ~dense[a] & ~dense[b]
        edges_by_piece.append(_strongest_of_each((a[keep], b[keep], weight[keep]), partners_kept))
    # A latent with rows in two pieces was limited in each piece separately.
    a, b, weight = _strongest_of_each(_joined(edges_by_piece), partners_kept)
    one_way = scipy.sparse.csr_matrix((weight, (a, b)), shape=(F, F))
    both_ways = one_way.maximum(one_way.T).tocsr()
    both_ways.sort_indices()
    return both_ways


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


def _strongest_of_each(edges: _Edges, most: int) -> _Edges:
    """The `most` strongest edges of each first end; ties go to the smaller id."""
    a, b, value = edges
    order = np.lexsort((b, -value, a))
    rank = np.arange(len(a)) - np.searchsorted(a[order], a[order], side="left")
    first = order[rank < most]
    return a[first], b[first], value[first]


def _partition(graph: scipy.sparse.csr_matrix, resolution: float, seed: int) -> _Partition:
    # Imported here because the dashboard only uses other functions of this module.
    from sknetwork.clustering import Louvain, get_modularity  # noqa: PLC0415

    if graph.nnz == 0:
        none = np.full(graph.shape[0], NOISE, dtype=np.int32)
        return _Partition(resolution, (none,) * SEEDS, 0.0, 0.0)
    by_seed = [
        Louvain(
            resolution,
            shuffle_nodes=True,
            random_state=seed + i,
            return_probs=False,
            return_aggregate=False,
        ).fit_predict(graph)
        for i in range(SEEDS)
    ]
    modularity = float(get_modularity(graph, by_seed[0], resolution=resolution))
    large = tuple(_numbered(labels, SMALLEST) for labels in by_seed)
    stability = float(np.mean([agreement(a, b) for a, b in combinations(large, 2)]))
    return _Partition(resolution, large, stability, modularity)


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


def choose_levels(partitions: Sequence[_Partition]) -> list[_Partition]:
    """The partitions on which the seeds agree best, finest first, with distinct numbers of
    communities.

    The best partition is kept even if its stability is below WEAK, so that pages can show how weak
    it is; the others must reach WEAK.
    """
    usable = [p for p in partitions if p.communities > 1 and p.largest_share <= LARGEST_SHARE]
    chosen: list[_Partition] = []
    for one in sorted(usable, key=lambda p: (-p.worth, -p.communities)):
        apart = all(
            max(one.communities, other.communities)
            >= APART * min(one.communities, other.communities)
            for other in chosen
        )
        if len(chosen) < MOST_LEVELS and apart and (not chosen or one.stability >= WEAK):
            chosen.append(one)
    return sorted(chosen, key=lambda p: -p.communities)


def _assemble(levels: Sequence[_Partition], latents: Ints, F: int, edges: int) -> Communities:
    """Number the communities of all levels."""
    labelled = np.full((len(levels), F), NOISE, dtype=np.int32)
    described, before = [], 0
    for level, partition in enumerate(levels):
        shown = partition.by_seed[0]
        labelled[level, latents] = np.where(shown >= 0, shown + before, NOISE)
        before += partition.communities
        described.append(
            CommunityLevel(
                level=level,
                communities=partition.communities,
                resolution=partition.resolution,
                modularity=round(partition.modularity, 6),
                stability=round(partition.stability, 6),
                latents=int((shown >= 0).sum()),
                edges=edges,
            )
        )
    members, at = np.nonzero(labelled.T >= 0)
    table = pa.table(
        {
            "latent": members.astype(np.int32),
            "level": at.astype(np.int8),
            "community": labelled[at, members],
        },
        schema=TABLES["communities"],
    )
    return Communities(table, tuple(described))


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
