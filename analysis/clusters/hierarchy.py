"""Clusters of decoder vectors at several levels of detail, and how far they can be trusted.

HDBSCAN (Campello, Moulavi, Sander 2013; its condensed tree by fast_hdbscan) on a five-dimensional
UMAP of the shared kNN graph, as in Bricken et al. 2023; never on the picture, where planted
clusters are lost. Only neighbours in the graph are joined, so what the embedding put together by
chance stays apart. The embedding is made with several seeds. Every cut of every hierarchy (a
smallest cluster size, and leaves or excess of mass) is judged by how far the seeds agree on it, and
the levels are the cuts that they agree on best: pure noise gets clusters too, but other ones with
every seed. Levels need not be nested: a parent is told where it holds half of the members.

Two figures say how far a cluster is found again, both the best Jaccard overlap (Hennig 2007): its
`stability` over the seeds, and its `bootstrap` where a latent's neighbours were drawn anew with
replacement too.

Agreement is the adjusted Rand index (Hubert and Arabie 1985) in which every noise latent is a
cluster of its own, so agreeing on noise earns nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, pairwise
from typing import Literal

import numba
import numpy as np
import pyarrow as pa
import scipy.sparse
from fast_hdbscan.cluster_trees import (
    cluster_tree_from_condensed_tree,
    cluster_tree_leaves,
    condense_tree,
    extract_eom_clusters,
    get_cluster_label_vector,
    mst_to_linkage_tree,
)
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from analysis.bundle import TABLES, ClusterLevel
from analysis.clusters.trust import WEAK
from analysis.decoder.graph import NeighbourGraph
from analysis.decoder.umap_embedding import (
    MANY,
    NEIGHBOURS,
    FuzzyGraph,
    embed,
    fuzzy_graph,
    start_positions,
)
from analysis.runtime.threads import over_spans

NOISE = -1
DIMENSIONS = 5
"""Of the embedding. Ten cost three times as much, find the same planted groups, keep their families
apart less well (stability .8 instead of .9), and let seeds agree more on what is noise: .3 instead
of .1 for isotropic vectors of width 256, .55 instead of .35 for width 48."""
EPOCHS = 100
EPOCHS_OF_MANY = 50
"""From as many latents on as have fewer epochs on the map; the planted groups stay the same."""
SEEDS = 3
BOOTSTRAPS = 2
JITTER = 0.1
"""Of the start, in its largest coordinate. With less, the seeds agree because they start alike:
pure noise comes to .3 and more."""
APART = 1e6
"""Distance between parts of the graph that no edge joins; more than any in an embedding."""
RUNG = 1.6
"""Each smallest cluster size that is tried is this much larger than the one before."""
FINEST_SIZES = 2.0
"""The finest level is sought among smallest sizes up to this many times `minimum_cluster`."""
COARSER = (2.5, 10.0)
"""A level has this many times fewer clusters than the level below it: at least, at most."""
FEWEST = 3
MOST_LEVELS = 3

Selection = Literal["leaf", "eom"]
SELECTIONS: tuple[Selection, ...] = ("leaf", "eom")


@dataclass(frozen=True)
class Clustering:
    """The clusters of every level, without names."""

    memberships: pa.Table
    """The bundle's `memberships` table."""
    clusters: pa.Table
    """cluster, level, parent, size, stability, bootstrap: as in the bundle's `clusters` table."""
    levels: tuple[ClusterLevel, ...]
    """From the finest to the coarsest; at least one."""
    finest: np.ndarray
    """int32 [F], the cluster of level 0; -1 where none."""


@dataclass(frozen=True)
class Cut:
    """One way to cut the hierarchies of all seeds: for each latent [n] its cluster, or -1."""

    by_seed: tuple[np.ndarray, ...]
    stability: float
    """Mean adjusted Rand index over the pairs of seeds."""
    smallest: int = 0
    """Latents of its smallest cluster, at least."""
    selection: Selection = "leaf"

    @property
    def clusters(self) -> int:
        """Clusters of the first seed, which is the one that is shown."""
        return int(self.by_seed[0].max(initial=NOISE)) + 1

    @property
    def covered(self) -> float:
        """Share of the latents that are in a cluster."""
        return float((self.by_seed[0] >= 0).mean()) if len(self.by_seed[0]) else 0.0

    @property
    def worth(self) -> float:
        """Stability times the share of latents that it says something about."""
        return self.stability * self.covered


def cluster(
    W_dec: np.ndarray,
    graph: NeighbourGraph,
    eligible: np.ndarray,
    *,
    seed: int = 0,
    minimum_cluster: int = 5,
    epochs: int | None = None,
) -> Clustering:
    """Cluster the eligible latents of W_dec [F, d] at up to three levels.

    Cluster ids are unique over the levels: level 0 first, inside a level the largest first. With
    no more latents than UMAP needs neighbours there are no clusters.
    """
    fuzzy = fuzzy_graph(graph, eligible)
    n = len(fuzzy.latents)
    cuts: list[Cut] = []
    again: list[np.ndarray] = []
    if n > max(NEIGHBOURS, 2 * minimum_cluster):
        start = start_positions(W_dec, fuzzy.latents, DIMENSIONS)
        trees = [_hierarchy(start, fuzzy, minimum_cluster, seed + i, epochs) for i in range(SEEDS)]
        again = [
            _hierarchy(start, resampled(fuzzy, seed + i), minimum_cluster, seed + i, epochs)
            for i in range(SEEDS, SEEDS + BOOTSTRAPS)
        ]
        cuts = _choose_levels(_all_cuts(trees, minimum_cluster), minimum_cluster)
    if not cuts:
        cuts = [Cut((np.full(n, NOISE),), 0.0)]
    bootstraps = [
        [_labels(linkage, cut.smallest)[cut.selection] for linkage in again] if cut.clusters else []
        for cut in cuts
    ]
    return _assemble(cuts, bootstraps, fuzzy.latents, len(W_dec))


def place(clusters: pa.Table, memberships: pa.Table, x: np.ndarray, y: np.ndarray) -> pa.Table:
    """The cluster table with the median map position of the members of every cluster.

    `x` and `y` [F] are the coordinates of the map, NaN where a latent is left out.
    """
    centres = np.full((2, clusters.num_rows), np.nan, dtype=np.float32)
    order = np.argsort(memberships["cluster"].to_numpy(), kind="stable")
    members = memberships["latent"].to_numpy()[order]
    ends = np.cumsum(clusters["size"].to_numpy())
    for i, inside in enumerate(np.split(members, ends[:-1]) if len(ends) else []):
        centres[:, i] = np.median(x[inside]), np.median(y[inside])
    for name, values in zip(("x", "y"), centres, strict=True):
        column = pa.array(values, mask=np.isnan(values))
        clusters = clusters.append_column(TABLES["clusters"].field(name), column)
    return clusters


def agreement(first: np.ndarray, second: np.ndarray) -> float:
    """Adjusted Rand index of two clusterings [n] in which every -1 is a cluster of its own.

    0 where either has no cluster of two.
    """
    both = (first >= 0) & (second >= 0)
    width = int(second.max(initial=0)) + 1
    joint = np.unique(first[both].astype(np.int64) * width + second[both], return_counts=True)[1]
    together = _pairs(joint)
    in_first = _pairs(np.bincount(first[first >= 0]))
    in_second = _pairs(np.bincount(second[second >= 0]))
    if in_first == 0 or in_second == 0:
        return 0.0
    expected = in_first * in_second / _pairs(np.array([len(first)]))
    largest = (in_first + in_second) / 2
    return (together - expected) / (largest - expected) if largest > expected else 1.0


def cluster_stability(labels: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
    """For each cluster of labels [n]: its best Jaccard overlap in each of others, averaged.

    Hennig 2007, "Cluster-wise assessment of cluster stability".
    """
    count = int(labels.max(initial=NOISE)) + 1
    sizes = np.bincount(labels[labels >= 0], minlength=count)
    best = np.zeros((len(others), count))
    for i, other in enumerate(others):
        both = (labels >= 0) & (other >= 0)
        width = int(other.max(initial=0)) + 1
        pair, joint = np.unique(
            labels[both].astype(np.int64) * width + other[both], return_counts=True
        )
        mine, theirs = np.divmod(pair, width)
        other_sizes = np.bincount(other[other >= 0], minlength=width)
        overlap = joint / (sizes[mine] + other_sizes[theirs] - joint)
        np.maximum.at(best[i], mine, overlap)
    return np.asarray(best.mean(axis=0)) if len(others) else np.zeros(count)


def _pairs(counts: np.ndarray) -> float:
    exact = counts.astype(np.float64)
    return float((exact * (exact - 1) / 2).sum())


def resampled(fuzzy: FuzzyGraph, seed: int) -> FuzzyGraph:
    """A bootstrap of the graph: each latent's edges drawn with replacement, as many as it has.

    An edge weighs as often as it was drawn, from either end, and half as much for each.
    """
    random = np.random.default_rng(seed)
    rows = scipy.sparse.csr_matrix(fuzzy.weights)
    degrees = np.diff(rows.indptr).astype(np.int64)
    own = np.repeat(np.arange(len(degrees)), degrees)
    drawn = rows.indptr[own] + (random.random(len(own)) * degrees[own]).astype(np.int64)
    times = np.bincount(drawn, minlength=len(own)).astype(np.float32)
    once = scipy.sparse.csr_matrix((rows.data * times, rows.indices, rows.indptr), rows.shape)
    weights = (once + once.T) / 2
    weights.eliminate_zeros()
    return FuzzyGraph(fuzzy.latents, fuzzy.neighbours, weights)


def _hierarchy(
    start: np.ndarray, fuzzy: FuzzyGraph, minimum_cluster: int, seed: int, epochs: int | None
) -> np.ndarray:
    """Single-linkage hierarchy [n - 1, 4] of one embedding of the graph."""
    epochs = epochs or (EPOCHS if len(start) < MANY else EPOCHS_OF_MANY)
    points = embed(start, fuzzy, min_dist=0.0, seed=seed, epochs=epochs, jitter=JITTER)
    return np.asarray(mst_to_linkage_tree(spanning_tree(points, fuzzy.weights, minimum_cluster)))


def spanning_tree(
    points: np.ndarray, weights: scipy.sparse.spmatrix, minimum_cluster: int
) -> np.ndarray:
    """Spanning tree [n - 1, 3] of points [n, D] by mutual reachability along the edges of a graph.

    Rows are two vertices and their distance, ascending, equal ones by vertex. A vertex's core
    distance is that of its `minimum_cluster`-th nearest neighbour in the graph. Parts without an
    edge between them are joined at the distance APART.
    """
    graph = scipy.sparse.csr_matrix(weights)
    n, near = len(points), graph.indices
    gaps, core = np.empty(len(near)), np.full(n, APART)
    work = partial(_gaps_and_core, points, graph.indptr, near, minimum_cluster, gaps, core)
    over_spans(n, work)
    own = np.repeat(np.arange(n, dtype=np.int32), np.diff(graph.indptr))
    # Once is enough for the two ends of an edge. A distance of 0 would read as no edge.
    once = own < near
    reach = np.maximum(np.maximum(gaps, np.maximum(core[own], core[near])), 1e-12)[once]
    forest = minimum_spanning_tree(
        scipy.sparse.csr_matrix((reach, (own[once], near[once])), shape=(n, n))
    ).tocoo()
    parts, part = connected_components(forest, directed=False)
    first = np.unique(part, return_index=True)[1]
    joints = np.column_stack([first[:-1], first[1:], np.full(parts - 1, 2 * APART)])
    tree = np.vstack([np.column_stack([forest.row, forest.col, forest.data]), joints])
    return np.asarray(tree[np.lexsort((tree[:, 1], tree[:, 0], tree[:, 2]))])


@numba.njit(nogil=True, cache=True)
def _gaps_and_core(
    points: np.ndarray,
    starts: np.ndarray,
    near: np.ndarray,
    nth: int,
    gaps: np.ndarray,
    core: np.ndarray,
    start: int,
    stop: int,
) -> None:
    """Lengths of the edges of some vertices, and the nth smallest where a vertex has as many."""
    for i in range(start, stop):
        for e in range(starts[i], starts[i + 1]):
            squared = 0.0
            for c in range(points.shape[1]):
                squared += (np.float64(points[i, c]) - np.float64(points[near[e], c])) ** 2
            gaps[e] = np.sqrt(squared)
        own = gaps[starts[i] : starts[i + 1]]
        if len(own) >= nth:
            core[i] = np.partition(own, nth - 1)[nth - 1]


def _labels(linkage: np.ndarray, smallest: int) -> dict[Selection, np.ndarray]:
    """For each latent [n] its cluster of at least `smallest` latents, or -1, by each selection."""
    n = len(linkage) + 1
    condensed = condense_tree(linkage, min_cluster_size=smallest)
    tree = cluster_tree_from_condensed_tree(condensed)
    chosen: dict[Selection, np.ndarray] = {
        "leaf": cluster_tree_leaves(tree, n) if len(tree.parent) else np.empty(0, np.int64),
        "eom": extract_eom_clusters(condensed, tree),
    }
    return {
        selection: np.asarray(get_cluster_label_vector(condensed, clusters, 0.0, n_samples=n))
        for selection, clusters in chosen.items()
    }


def _all_cuts(linkages: Sequence[np.ndarray], minimum_cluster: int) -> list[Cut]:
    """Every cut of the hierarchies that is tried, its smallest cluster size ascending."""
    n = len(linkages[0]) + 1
    found: list[Cut] = []
    size = minimum_cluster
    while size == minimum_cluster or size <= n / FEWEST:
        labels = [_labels(linkage, size) for linkage in linkages]
        tried = [_cut([by[how] for by in labels], size, how) for how in SELECTIONS]
        found += tried
        # Larger ones find no more clusters than these.
        if max(cut.clusters for cut in tried) < FEWEST:
            break
        size = round(size * RUNG)
    return found


def _cut(by_seed: Sequence[np.ndarray], smallest: int, selection: Selection) -> Cut:
    """The clusters of every seed, and how far the seeds agree."""
    agreed = np.mean([agreement(a, b) for a, b in combinations(by_seed, 2)])
    return Cut(tuple(by_seed), float(agreed), smallest, selection)


def _choose_levels(cuts: Sequence[Cut], minimum_cluster: int) -> list[Cut]:
    """The fine cut on which the seeds agree best, then coarser ones that are not weak."""
    fine = [cut for cut in cuts if cut.smallest <= FINEST_SIZES * minimum_cluster]
    # Excess of mass sometimes takes everything for two or three clusters: that is not fine.
    most = max(cut.clusters for cut in fine)
    fine = [cut for cut in fine if 2 * cut.clusters >= most]
    levels = [max(fine, key=lambda cut: (cut.stability, cut.clusters))]
    while len(levels) < MOST_LEVELS:
        below = levels[-1].clusters
        coarser = [
            cut
            for cut in cuts
            if max(FEWEST, below / COARSER[1]) <= cut.clusters <= below / COARSER[0]
            and cut.stability >= WEAK
        ]
        if not coarser:
            break
        levels.append(max(coarser, key=lambda cut: (cut.worth, cut.clusters)))
    return levels if levels[0].clusters else []


def _assemble(
    cuts: Sequence[Cut], bootstraps: Sequence[list[np.ndarray]], latents: np.ndarray, F: int
) -> Clustering:
    """Number the clusters of all levels and find the parents.

    `bootstraps` are the labels [n] of every bootstrap, for each level.
    """
    labelled = np.full((len(cuts), F), NOISE, dtype=np.int32)
    rows: list[dict[str, object]] = []
    levels = []
    for level, (cut, boots) in enumerate(zip(cuts, bootstraps, strict=True)):
        shown = cut.by_seed[0]
        inside = shown[shown >= 0]
        sizes = np.bincount(inside, minlength=cut.clusters)
        order = np.argsort(-sizes, kind="stable")
        stability = cluster_stability(shown, cut.by_seed[1:])[order]
        bootstrap = cluster_stability(shown, boots)[order]
        number = np.empty(cut.clusters, dtype=np.int32)
        number[order] = len(rows) + np.arange(cut.clusters)
        labelled[level, latents[shown >= 0]] = number[inside]
        rows += [
            {
                "cluster": len(rows) + i,
                "level": level,
                "size": sizes[order[i]],
                "stability": stability[i],
                "bootstrap": bootstrap[i],
            }
            for i in range(cut.clusters)
        ]
        noise = len(latents) - len(inside)
        levels.append(
            ClusterLevel(
                level=level, clusters=cut.clusters, noise=noise, stability=round(cut.stability, 6)
            )
        )
    parents = _parents(labelled, len(rows))
    schema = TABLES["clusters"]
    kept = ["cluster", "level", "parent", "size", "stability", "bootstrap"]
    table = pa.Table.from_pylist(
        [row | {"parent": parents.get(i)} for i, row in enumerate(rows)],
        schema=pa.schema([schema.field(name) for name in kept]),
    )
    return Clustering(_memberships(labelled), table, tuple(levels), labelled[0])


def _parents(labelled: np.ndarray, count: int) -> dict[int, int]:
    """For a cluster the one of the next level that holds at least half of its members."""
    parents = {}
    for lower, upper in pairwise(labelled):
        inside = lower >= 0
        sizes = np.bincount(lower[inside], minlength=count)
        both = inside & (upper >= 0)
        pair, joint = np.unique(
            lower[both].astype(np.int64) * count + upper[both], return_counts=True
        )
        for (child, parent), shared in zip(
            np.stack(np.divmod(pair, count), axis=1).tolist(), joint.tolist(), strict=True
        ):
            if 2 * shared >= sizes[child] and child not in parents:
                parents[child] = parent
    return parents


def _memberships(labelled: np.ndarray) -> pa.Table:
    """The memberships [levels, F] as a table sorted by latent and level."""
    latents, levels = np.nonzero(labelled.T >= 0)
    return pa.table(
        {
            "latent": latents.astype(np.int32),
            "level": levels.astype(np.int8),
            "cluster": labelled[levels, latents],
        },
        schema=TABLES["memberships"],
    )
