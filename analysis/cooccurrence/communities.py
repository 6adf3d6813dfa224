"""Communities of latents that fire together, at several levels, and how far they can be trusted.

The graph: two latents are joined where one is among the other's `partners_kept` strongest partners
by phi, they share at least `minimum_joint` tokens, and phi is positive; phi is the weight. Dense
latents fire with everything and are left out. What is held grows with latents x partners_kept.

The communities: Louvain (Blondel et al. 2008, by scikit-network), run with several seeds at a
ladder of resolutions, since no resolution carries over from one graph to another. A level is a
resolution on which the seeds agree, by the adjusted Rand index: a graph of noise gets communities
too, but other ones with every seed.

`clarke_2024` is the way of Clarke, Bhatnagar and Bloom 2024 instead: connected components of the
pairs above a Jaccard threshold that is set so that the largest has 150 to 200 latents.
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

NOISE = -1
SEEDS = 3
RESOLUTIONS = tuple(0.25 * 2.0**step for step in range(10))
SMALLEST = 3
"""Fewer latents are no community."""
LARGEST_SHARE = 0.5
"""A partition of which one community holds more of the latents than this says nothing."""
APART = 2.5
"""The communities of two levels differ in number at least by this factor."""
MOST_LEVELS = 3
CLARKE_LARGEST = (150, 200)

Ints = npt.NDArray[np.int64]
Labels = npt.NDArray[np.int32]
_Edges = tuple[Ints, Ints, npt.NDArray[np.float64]]
"""Ends and values of edges, [m] each."""


@dataclass(frozen=True)
class Communities:
    """The communities of every level."""

    table: pa.Table
    """The bundle's `communities` table."""
    levels: tuple[CommunityLevel, ...]
    """From the finest to the coarsest; none where the graph has no edge."""


@dataclass(frozen=True)
class Components:
    """Connected components of the pairs at or above a Jaccard threshold."""

    threshold: float
    labels: Labels
    """[F], the component of each latent, the largest first; -1 where it has no edge."""
    sizes: Ints
    """[components] latents, descending."""
    edges: int
    in_range: bool
    """Whether the largest has 150 to 200 latents: one more edge may join two large ones at once."""


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
        """Stability times the share of latents that it says something about."""
        covered = (self.by_seed[0] >= 0).mean() if len(self.by_seed[0]) else 0.0
        return round(self.stability * float(covered), 6)


def find_communities(
    partners: LatentTable,
    active_tokens: Ints,
    n_tokens: int,
    *,
    dense: npt.NDArray[np.bool_],
    partners_kept: int,
    minimum_joint: int,
    seed: int = 0,
) -> Communities:
    """Communities of the latents [F] at up to three levels; `dense` [F] ones are left out.

    Community ids are unique over the levels: level 0 first, inside a level the largest first.
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
    dense: npt.NDArray[np.bool_],
    partners_kept: int,
    minimum_joint: int,
) -> scipy.sparse.csr_matrix:
    """The symmetric graph [F, F] of the kept pairs, float64 phi as the weight."""
    F = len(active_tokens)
    found: list[_Edges] = []
    for a, b, joint in _pieces(partners):
        weight = phi(TwoByTwo.from_margins(joint, active_tokens[a], active_tokens[b], n_tokens))
        keep = (joint >= minimum_joint) & (weight > 0) & ~dense[a] & ~dense[b]
        found.append(_strongest_of_each((a[keep], b[keep], weight[keep]), partners_kept))
    # A latent whose rows lie in two pieces has been cut in each of them alone.
    a, b, weight = _strongest_of_each(_joined(found), partners_kept)
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
    """The `most` strongest edges of each first end; of equal ones those to the smaller id."""
    a, b, value = edges
    order = np.lexsort((b, -value, a))
    rank = np.arange(len(a)) - np.searchsorted(a[order], a[order], side="left")
    first = order[rank < most]
    return a[first], b[first], value[first]


def _partition(graph: scipy.sparse.csr_matrix, resolution: float, seed: int) -> _Partition:
    # The dashboard reads communities and finds none, so it need not wait for the libraries.
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
    """The labels numbered by size, the largest first, equal ones by their first latent.

    Sets of fewer than `smallest` latents are none.
    """
    _, first, member, counts = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    number = np.empty(len(counts), dtype=np.int32)
    number[np.lexsort((first, -counts))] = np.arange(len(counts))
    number[counts < smallest] = NOISE
    return number[member]


def choose_levels(partitions: Sequence[_Partition]) -> list[_Partition]:
    """The partitions on which the seeds agree best, apart from one another, the finest first.

    The first may be weak, so that a graph of noise shows how weak it is; further ones may not.
    """
    telling = [p for p in partitions if p.communities > 1 and p.largest_share <= LARGEST_SHARE]
    chosen: list[_Partition] = []
    for one in sorted(telling, key=lambda p: (-p.worth, -p.communities)):
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
    said, before = [], 0
    for level, partition in enumerate(levels):
        shown = partition.by_seed[0]
        labelled[level, latents] = np.where(shown >= 0, shown + before, NOISE)
        before += partition.communities
        said.append(
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
    return Communities(table, tuple(said))


def clarke_2024(
    partners: LatentTable,
    active_tokens: Ints,
    *,
    eligible: npt.NDArray[np.bool_],
    largest: tuple[int, int] = CLARKE_LARGEST,
) -> Components:
    """Components above the Jaccard threshold that leaves the largest at most `largest[1]` latents.

    The threshold is the smallest Jaccard of a kept pair that does so, found by bisection over the
    values themselves: the largest component only grows while the threshold falls. Clarke,
    Bhatnagar and Bloom 2024, section 3; they count every pair and call a latent active above 1.5,
    here are the kept partners of the `eligible` [F] latents and the active rule of the bundle.
    """
    a, b, value = _jaccard_edges(partners, active_tokens, eligible)
    values = np.unique(value)[::-1]
    edges = np.concatenate([[0], np.searchsorted(-value, -values, side="right")])
    few, many = 0, len(values)  # so many of the values, from the largest on, are let in
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


def _jaccard_edges(
    partners: LatentTable, active_tokens: Ints, eligible: npt.NDArray[np.bool_]
) -> _Edges:
    """Each kept pair of eligible latents once, by descending Jaccard."""
    found: list[_Edges] = []
    for a, b, joint in _pieces(partners):
        value = jaccard(TwoByTwo(joint, active_tokens[a] - joint, active_tokens[b] - joint, 0))
        keep = eligible[a] & eligible[b]
        found.append((np.minimum(a, b)[keep], np.maximum(a, b)[keep], value[keep]))
    a, b, value = _joined(found)
    once = np.unique(a * len(active_tokens) + b, return_index=True)[1]
    order = once[np.argsort(-value[once], kind="stable")]
    return a[order], b[order], value[order]


def _components(a: Ints, b: Ints, edges: int, F: int) -> tuple[Labels, Ints]:
    """Components [F] of the first `edges` edges, and their sizes, the largest first."""
    ends = a[:edges], b[:edges]
    graph = scipy.sparse.coo_matrix((np.ones(edges, dtype=np.int8), ends), shape=(F, F))
    labels = _numbered(connected_components(graph, directed=False)[1], smallest=2)
    return labels, np.bincount(labels[labels >= 0])
