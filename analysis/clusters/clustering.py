"""Clusters of decoder vectors at several levels of detail, with their stability: a build step.

HDBSCAN on a five-dimensional UMAP of the shared kNN graph, as in Bricken et al. 2023, and never on
the 2-D map, where planted clusters are lost. The embedding is repeated with several seeds
(`hierarchy`); the levels are the cuts on which the seeds agree best (`levels`). Levels need not be
nested: a cluster's parent is the cluster of the next level that holds at least half of its members.

Two numbers measure how stable a cluster is (`stability`): its best Jaccard overlap over the seeds,
and over bootstraps of the graph in which each latent's neighbours are drawn with replacement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from analysis.bundle import TABLES, ClusterLevel
from analysis.clusters.hierarchy import cluster_labels, hierarchy, resampled
from analysis.clusters.levels import Cut, all_cuts, choose_levels
from analysis.clusters.stability import NOISE, cluster_stability
from analysis.decoder.graph import NeighbourGraph
from analysis.decoder.umap_embedding import NEIGHBOURS, fuzzy_graph, start_positions
from analysis.runtime.arrays import Bools, Float32s, Floats, Int32s, Ints

DIMENSIONS = 5
"""Dimensions of the embedding. With ten it takes three times as long, finds the same planted
groups, separates their families less well (stability .8 instead of .9), and lets seeds agree more
on noise: .3 instead of .1 for isotropic vectors of width 256, .55 instead of .35 for width 48."""
SEEDS = 3
BOOTSTRAPS = 2


@dataclass(frozen=True)
class Clustering:
    """The clusters of every level, without labels."""

    memberships: pa.Table
    """The bundle's `memberships` table."""
    clusters: pa.Table
    """cluster, level, parent, size, stability, bootstrap, as in the bundle's `clusters` table."""
    levels: tuple[ClusterLevel, ...]
    """From the finest to the coarsest; at least one."""
    finest: Int32s
    """int32 [F], the cluster of level 0; -1 for none."""


@dataclass(frozen=True)
class _Level:
    """The clusters of one level, largest first."""

    labels: Ints
    """int64 [n], the cluster of each latent, counted from 0; -1 for noise."""
    sizes: Ints
    """int64 [clusters]"""
    stability: Floats
    """float64 [clusters], best overlap over the other seeds."""
    bootstrap: Floats
    """float64 [clusters], best overlap over the bootstraps."""
    agreement: float
    """Mean agreement over the pairs of seeds."""


def cluster(
    W_dec: np.ndarray,
    graph: NeighbourGraph,
    eligible: Bools,
    *,
    seed: int = 0,
    minimum_cluster: int = 5,
    epochs: int | None = None,
) -> Clustering:
    """Cluster the eligible [F] latents of W_dec [F, d] at up to three levels.

    Cluster ids are unique over the levels: level 0 first, and the largest first inside a level.
    There are no clusters if there are no more latents than UMAP needs neighbours.
    """
    fuzzy = fuzzy_graph(graph, eligible)
    n = len(fuzzy.latents)
    cuts: list[Cut] = []
    bootstraps: list[Floats] = []
    if n > max(NEIGHBOURS, 2 * minimum_cluster):
        start = start_positions(W_dec, fuzzy.latents, DIMENSIONS)
        trees = [hierarchy(start, fuzzy, minimum_cluster, seed + i, epochs) for i in range(SEEDS)]
        bootstraps = [
            hierarchy(start, resampled(fuzzy, seed + i), minimum_cluster, seed + i, epochs)
            for i in range(SEEDS, SEEDS + BOOTSTRAPS)
        ]
        cuts = choose_levels(all_cuts(trees, minimum_cluster), minimum_cluster)
    if not cuts:
        cuts = [Cut((np.full(n, NOISE),), 0.0)]
    levels = [_largest_first(cut, bootstraps) for cut in cuts]
    return _assemble(levels, fuzzy.latents, len(W_dec))


def place(clusters: pa.Table, memberships: pa.Table, x: Float32s, y: Float32s) -> pa.Table:
    """The cluster table with the median map coordinates of the members of every cluster.

    `x` and `y` [F] are the coordinates of the map, NaN for latents that are not on it.
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


def _largest_first(cut: Cut, bootstraps: Sequence[Floats]) -> _Level:
    """The clusters of the first seed of a cut, numbered by size, with their overlaps.

    `bootstraps` are single-linkage trees [n - 1, 4].
    """
    shown = cut.by_seed[0]
    sizes = np.bincount(shown[shown >= 0], minlength=cut.clusters)
    order = np.argsort(-sizes, kind="stable")
    number = np.empty(cut.clusters + 1, dtype=np.int64)
    number[order] = np.arange(cut.clusters)
    number[NOISE] = NOISE
    again = [
        cluster_labels(tree, cut.smallest)[cut.extraction] for tree in bootstraps if cut.clusters
    ]
    return _Level(
        labels=number[shown],
        sizes=sizes[order],
        stability=cluster_stability(shown, cut.by_seed[1:])[order],
        bootstrap=cluster_stability(shown, again)[order],
        agreement=cut.stability,
    )


def _assemble(levels: Sequence[_Level], latents: Int32s, F: int) -> Clustering:
    """Number the clusters over all levels and find the parents; `latents` [n] are those of rows."""
    firsts = np.cumsum([0, *(len(level.sizes) for level in levels)])
    labels = np.full((len(levels), F), NOISE, dtype=np.int32)
    for row, level, first in zip(labels, levels, firsts[:-1], strict=True):
        row[latents] = np.where(level.labels >= 0, level.labels + first, NOISE)
    count = int(firsts[-1])
    parent = _parents(labels, count)
    columns = {
        "cluster": np.arange(count),
        "level": np.repeat(np.arange(len(levels)), np.diff(firsts)),
        "parent": pa.array(parent, mask=parent < 0),
        "size": np.concatenate([level.sizes for level in levels]),
        "stability": np.concatenate([level.stability for level in levels]),
        "bootstrap": np.concatenate([level.bootstrap for level in levels]),
    }
    schema = pa.schema([TABLES["clusters"].field(name) for name in columns])
    return Clustering(
        memberships=_memberships(labels),
        clusters=pa.table(columns).cast(schema),
        levels=tuple(
            ClusterLevel(
                level=i,
                clusters=len(level.sizes),
                noise=int((level.labels < 0).sum()),
                stability=round(level.agreement, 6),
            )
            for i, level in enumerate(levels)
        ),
        finest=labels[0],
    )


def _parents(labels: Int32s, count: int) -> Int32s:
    """For each of `count` clusters the one of the next level that holds half of its members, or -1.

    `labels` [levels, F] are unique over the levels. If two hold exactly half, the smaller id wins.
    """
    parent = np.full(count, NOISE, dtype=np.int32)
    for lower, upper in pairwise(labels):
        sizes = np.bincount(lower[lower >= 0], minlength=count)
        both = (lower >= 0) & (upper >= 0)
        pair, shared = np.unique(
            lower[both].astype(np.int64) * count + upper[both], return_counts=True
        )
        children, parents = np.divmod(pair, max(count, 1))
        holds_half = 2 * shared >= sizes[children]
        held, first = np.unique(children[holds_half], return_index=True)
        parent[held] = parents[holds_half][first]
    return parent


def _memberships(labels: Int32s) -> pa.Table:
    """The labels [levels, F] as the bundle's `memberships` table, sorted by latent and level."""
    latents, levels = np.nonzero(labels.T >= 0)
    return pa.table(
        {
            "latent": latents.astype(np.int32),
            "level": levels.astype(np.int8),
            "cluster": labels[levels, latents],
        },
        schema=TABLES["memberships"],
    )
