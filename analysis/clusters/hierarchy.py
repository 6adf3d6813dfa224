"""HDBSCAN's hierarchy of one embedding of the shared kNN graph, and the clusters of a cut.

HDBSCAN: Campello, Moulavi, Sander 2013; fast_hdbscan condenses the tree and labels its
clusters. Only neighbours in the graph are joined, so latents that are close in the embedding by
chance stay apart.
"""

from collections.abc import Mapping
from functools import partial
from typing import Literal, NamedTuple

import numba
import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from analysis.decoder.umap_embedding import MANY, FuzzyGraph, embed
from analysis.runtime.arrays import Bools, Float32s, Floats, Ints
from analysis.runtime.single_module import single_module
from analysis.runtime.threads import over_spans

# The package also compiles a search tree and a spanning tree, at the first import on a machine for
# most of a minute.
_hdbscan = single_module("fast_hdbscan", "cluster_trees")

EPOCHS = 100
EPOCHS_OF_MANY = 50
"""Epochs from `MANY` latents on. The planted groups do not change."""
JITTER = 0.1
"""Random shift of the start, relative to its largest coordinate. With a smaller one the seeds agree
because they start alike: for pure noise, stability reaches .3 and more."""
SMOOTHINGS = 10
"""Steps that smooth random start positions over the graph."""
MOST_LARGER = 20
"""A cluster is compared with clusters up to this many times as large; the overlap with larger ones
is below .05. Without a limit, a hierarchy that is thousands of clusters deep takes minutes."""
APART = 1e6
"""Distance between parts of the graph that no edge joins; larger than any in an embedding."""

Extraction = Literal["leaf", "eom"]
EXTRACTIONS: tuple[Extraction, ...] = ("leaf", "eom")
"""HDBSCAN's ways to extract clusters from a tree: its leaves, or the excess of mass."""


def hierarchy(
    start: Float32s, fuzzy: FuzzyGraph, seed: int, minimum_cluster: int, epochs: int | None
) -> Floats:
    """Single-linkage tree float64 [n - 1, 4] of one embedding of the graph, from start [n, D].

    A row joins two nodes: their ids, the distance, and the size of the new node, as in
    scipy.cluster.hierarchy. `epochs` None is 100, or 50 from 50,000 latents on.
    """
    epochs = epochs or (EPOCHS if len(start) < MANY else EPOCHS_OF_MANY)
    points = embed(start, fuzzy, min_dist=0.0, seed=seed, epochs=epochs, jitter=JITTER)
    return np.asarray(
        _hdbscan.mst_to_linkage_tree(spanning_tree(points, fuzzy.weights, minimum_cluster))
    )


def smoothed_start(fuzzy: FuzzyGraph, dimensions: int, seed: int) -> Float32s:
    """Start positions float32 [n, dimensions] from the graph alone.

    Random positions, each moved to the weighted mean of its own and its neighbours' `SMOOTHINGS`
    times, and scaled. Latents that are joined by many paths start close to each other.
    """
    graph = scipy.sparse.csr_matrix(fuzzy.weights, dtype=np.float64)
    weight = 1 + np.asarray(graph.sum(axis=1)).ravel()
    shape = (len(fuzzy.latents), dimensions)
    points = np.random.default_rng(seed).standard_normal(shape)
    for _ in range(SMOOTHINGS):
        points = (points + graph @ points) / weight[:, None]
        points -= points.mean(axis=0)
        points /= np.maximum(np.sqrt((points**2).mean(axis=0)), 1e-12)
    return points.astype(np.float32)


def spanning_tree(
    points: np.ndarray, weights: scipy.sparse.spmatrix, minimum_cluster: int
) -> np.ndarray:
    """Spanning tree [n - 1, 3] of points [n, D] by mutual reachability along the edges of a graph.

    A row is two vertices and their distance; rows are sorted by distance, then by vertex. The core
    distance of a vertex is that of its `minimum_cluster`-th nearest neighbour in the graph. Parts
    without an edge between them are joined at twice the distance APART.
    """
    graph = scipy.sparse.csr_matrix(weights)
    n, near = len(points), graph.indices
    gaps, core = np.empty(len(near)), np.full(n, APART)
    work = partial(_gaps_and_core, points, graph.indptr, near, minimum_cluster, gaps, core)
    over_spans(n, work)
    own = np.repeat(np.arange(n, dtype=np.int32), np.diff(graph.indptr))
    # Each edge counts once, from its smaller end. scipy reads a distance of 0 as no edge.
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
    """Fill the edge lengths of vertices start to stop, and the nth smallest if there is one."""
    for i in range(start, stop):
        for e in range(starts[i], starts[i + 1]):
            squared = 0.0
            for c in range(points.shape[1]):
                squared += (np.float64(points[i, c]) - np.float64(points[near[e], c])) ** 2
            gaps[e] = np.sqrt(squared)
        own = gaps[starts[i] : starts[i + 1]]
        if len(own) >= nth:
            core[i] = np.partition(own, nth - 1)[nth - 1]


def cluster_labels(linkage: Floats, smallest: int) -> Mapping[Extraction, Ints]:
    """The cluster of each latent [n] by each extraction; -1 for noise.

    Clusters have at least `smallest` latents. `linkage` [n - 1, 4] is a single-linkage tree.
    """
    n = len(linkage) + 1
    condensed = _hdbscan.condense_tree(linkage, min_cluster_size=smallest)
    tree = _hdbscan.cluster_tree_from_condensed_tree(condensed)
    leaves = _hdbscan.cluster_tree_leaves(tree, n) if len(tree.parent) else np.empty(0, np.int64)
    masses = n + np.flatnonzero(_excess_of_mass(n, *condensed))
    label = partial(_hdbscan.get_cluster_label_vector, condensed)
    chosen: dict[Extraction, Ints] = {"leaf": leaves, "eom": masses}
    return {
        extraction: np.asarray(label(clusters, 0.0, n_samples=n))
        for extraction, clusters in chosen.items()
    }


@numba.njit(nogil=True, cache=True)
def _excess_of_mass(
    n: int, parent: Ints, child: Ints, lambda_val: Float32s, child_size: Float32s
) -> Bools:
    """Whether each cluster of a condensed tree of n points is extracted by its excess of mass.

    As `extract_eom_clusters` of fast_hdbscan, which calls itself for each level: the trees of a
    million latents are deep enough for a stack overflow, and each call there scans the whole tree.
    A cluster has a larger id than the one that holds it.
    """
    mass = np.zeros(max(parent.max(), child.max()) + 1 - n, dtype=np.float32)
    above = np.zeros(len(mass), dtype=np.int64)
    for i in range(len(parent)):
        if child_size[i] > 1:
            above[child[i] - n] = parent[i] - n
            mass[child[i] - n] = -lambda_val[i] * child_size[i]
        mass[parent[i] - n] += lambda_val[i] * child_size[i]
    inside = np.zeros(len(mass))
    is_extracted = np.ones(len(mass), dtype=np.bool_)
    for c in range(len(mass) - 1, 0, -1):
        own = max(float(mass[c]), 0.0)
        is_extracted[c] = inside[c] <= own
        inside[above[c]] += max(own, inside[c])
    # The cluster of all points is never extracted.
    is_extracted[0] = False
    is_inside = np.zeros(len(mass), dtype=np.bool_)
    for c in range(1, len(mass)):
        is_inside[c] = is_inside[above[c]] or is_extracted[above[c]]
    return is_extracted & ~is_inside


class TreeClusters(NamedTuple):
    """All clusters of a hierarchy, at any size. Cluster 0 is the one of all latents."""

    of_latent: Ints
    """int64 [m], the smallest cluster that holds each latent."""
    above: Ints
    """int64 [clusters], the next larger one that holds each cluster; -1 for the first."""
    sizes: Ints
    """int64 [clusters], latents."""


def tree_clusters(tree: Floats, smallest: int) -> TreeClusters:
    """The clusters of at least `smallest` latents of the condensed tree of a hierarchy."""
    m = len(tree) + 1
    condensed = _hdbscan.condense_tree(tree, min_cluster_size=smallest)
    parent, child = np.asarray(condensed.parent), np.asarray(condensed.child)
    above = np.full(int(parent.max(initial=m)) - m + 1, -1, dtype=np.int64)
    sizes = np.full(len(above), m, dtype=np.int64)
    is_cluster = child >= m
    above[child[is_cluster] - m] = parent[is_cluster] - m
    sizes[child[is_cluster] - m] = np.asarray(condensed.child_size)[is_cluster]
    of_latent = np.zeros(m, dtype=np.int64)
    of_latent[child[~is_cluster]] = parent[~is_cluster] - m
    return TreeClusters(of_latent, above, sizes)


def best_overlaps(labels: Ints, tree: TreeClusters, rows: Ints) -> Floats:
    """For each cluster of labels [n] the best Jaccard overlap with any cluster of a hierarchy.

    `rows` [m] says which of the n latents the hierarchy has; only these are compared. The cluster
    of all latents does not count, nor do those of more than MOST_LARGER times as many latents.
    Hennig 2007, "Cluster-wise assessment of cluster stability".
    """
    clusters = int(labels.max(initial=-1)) + 1
    own = labels[rows]
    order = np.argsort(own, kind="stable")
    starts = np.searchsorted(own[order], np.arange(clusters + 1))
    best = np.zeros(clusters)
    _fill_overlaps(order, starts, *tree, best)
    return best


@numba.njit(nogil=True, cache=True)
def _fill_overlaps(
    order: Ints, starts: Ints, of_latent: Ints, above: Ints, sizes: Ints, best: Floats
) -> None:
    """Fill the best overlap [clusters]; members of cluster c are order[starts[c]:starts[c + 1]].

    `of_latent` is the smallest cluster of the hierarchy that holds a latent, `above` the one that
    holds a cluster; 0 is the one of all latents.
    """
    shared = np.zeros(len(above), dtype=np.int64)
    for c in range(len(best)):
        members = order[starts[c] : starts[c + 1]]
        for member in members:
            node = of_latent[member]
            while node > 0 and sizes[node] <= MOST_LARGER * len(members):
                shared[node] += 1
                node = above[node]
        for member in members:
            node = of_latent[member]
            while node > 0 and shared[node]:
                both = shared[node]
                best[c] = max(best[c], both / (len(members) + sizes[node] - both))
                shared[node] = 0
                node = above[node]
