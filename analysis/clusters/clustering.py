"""Clusters of latents in two spaces at several levels, with their stability: a build step.

The spaces: latents are similar if their decoder vectors are, or if they fire on the same tokens.
Both are a graph of nearest neighbours, and both are clustered in the same way: HDBSCAN on a
five-dimensional UMAP of the graph, as in Bricken et al. 2023, and never on the 2-D map, where
planted clusters are lost. The hierarchy is repeated with other seeds and without a part of the
latents (`repeats`); the levels are the cuts that are worth most (`levels`). Levels need not be
nested: a cluster's parent is the cluster of the next level that holds at least half of its members.

Two numbers measure how stable a cluster is: its best Jaccard overlap with any cluster of the
hierarchies of the other seeds, and of the resampled latents. Both stand beside their nulls
(`null_draws`): the largest value of any cluster of the same level where there is nothing to find. A
cluster is reproducible if both are at least WEAK and above their nulls.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from analysis.bundle import CLUSTER_COLUMNS, SPACES, TABLES, ClusterLevel, Space
from analysis.clusters.levels import Cut, all_cuts, choose_levels
from analysis.clusters.members import members_of_clusters
from analysis.clusters.null_draws import NullCut, NullDraws, null_cut, sample_worth
from analysis.clusters.repeats import Repeats, repeats
from analysis.clusters.stability import NOISE, WEAK
from analysis.decoder.graph import NeighbourGraph
from analysis.runtime.arrays import Bools, Float32s, Floats, Int32s, Ints


@dataclass(frozen=True)
class Clustering:
    """The clusters of every space and level, without labels."""

    memberships: pa.Table
    """The bundle's `memberships` table."""
    clusters: pa.Table
    """The first columns of the bundle's `clusters` table, and those about stability."""
    levels: tuple[ClusterLevel, ...]
    """Of each space from the finest to the coarsest; at least one of each space."""
    shown: dict[str, Int32s]
    """For each of CLUSTER_COLUMNS, int32 [F]: the cluster at the level of a space that is shown
    first; -1 for none."""


@dataclass(frozen=True)
class SpaceClusters:
    """The clusters of one space, from the finest level to the coarsest."""

    space: Space
    latents: Int32s
    """int32 [n], those that were clustered."""
    left_out: int
    """Eligible latents that were not clustered, because they have too few neighbours."""
    levels: tuple["_Level", ...]
    first: int
    """The level that is shown first."""


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
    """float64 [clusters], best overlap over the resampled latents."""
    agreement: float
    """Mean agreement over the pairs of seeds."""
    null: NullCut | None
    """What the same cut gives where there is nothing to find; None if nothing was drawn."""
    null_latents: int = 0


def cluster(
    space: Space,
    graph: NeighbourGraph,
    eligible: Bools,
    W_dec: Float32s | None = None,
    *,
    seed: int = 0,
    minimum_cluster: int = 5,
    epochs: int | None = None,
    nulls: tuple[NullDraws, pa.Table] | None = None,
) -> SpaceClusters:
    """Cluster the eligible [F] latents of one space at up to three levels.

    `graph` has 30 neighbours of each latent, and W_dec [F, d] is that of the decoder space. `nulls`
    are the draws of the space and their rows. There are no clusters if there are no more latents
    than UMAP needs neighbours.
    """
    repeated = repeats(
        graph, eligible, W_dec, seed=seed, minimum_cluster=minimum_cluster, epochs=epochs
    )
    return clusters_of(space, repeated, int(eligible.sum()), minimum_cluster, nulls)


def clusters_of(
    space: Space,
    repeated: Repeats,
    eligible: int,
    minimum_cluster: int,
    nulls: tuple[NullDraws, pa.Table] | None,
) -> SpaceClusters:
    """The clusters of the hierarchies of a space with this many eligible latents."""
    draws, rows = nulls or (None, None)

    def null(cut: Cut) -> NullCut | None:
        return None if draws is None else null_cut(rows, cut, draws.draws)

    def null_worth(cut: Cut) -> float:
        at = null(cut)
        if at is None:
            return 0.0
        # Where a sample was drawn, the cut is compared with the same sample of the data.
        sampled = sample_worth(rows, cut)
        return at.worth + (0.0 if sampled is None else cut.worth - sampled)

    def believable(cut: Cut) -> int:
        at = null(cut)
        return (
            cut.clusters if at is None else int(above_null(cut.stability, cut.bootstrap, at).sum())
        )

    cuts, first = choose_levels(list(all_cuts(repeated, minimum_cluster)), null_worth, believable)
    n = len(repeated.latents)
    levels = [
        _largest_first(cut, null(cut), 0 if draws is None else len(draws.latents)) for cut in cuts
    ]
    nothing = _Level(np.full(n, NOISE), *(np.empty(0),) * 3, 0.0, None)  # type: ignore[arg-type]
    return SpaceClusters(space, repeated.latents, eligible - n, tuple(levels) or (nothing,), first)


def place(clusters: pa.Table, memberships: pa.Table, x: Float32s, y: Float32s) -> pa.Table:
    """The cluster table with the median map coordinates of the members of every cluster.

    `x` and `y` [F] are the coordinates of the map, NaN for latents that are not on it.
    """
    centres = np.full((2, clusters.num_rows), np.nan, dtype=np.float32)
    for i, inside in enumerate(members_of_clusters(memberships, clusters.num_rows)):
        centres[:, i] = np.median(x[inside]), np.median(y[inside])
    for name, values in zip(("x", "y"), centres, strict=True):
        column = pa.array(values, mask=np.isnan(values))
        clusters = clusters.append_column(TABLES["clusters"].field(name), column)
    return clusters


def _largest_first(cut: Cut, null: NullCut | None, null_latents: int) -> _Level:
    """The clusters of the first seed of a cut, numbered by size, with their overlaps."""
    shown = cut.by_seed[0]
    sizes = np.bincount(shown[shown >= 0], minlength=cut.clusters)
    order = np.argsort(-sizes, kind="stable")
    number = np.empty(cut.clusters + 1, dtype=np.int64)
    number[order] = np.arange(cut.clusters)
    number[NOISE] = NOISE
    return _Level(
        labels=number[shown],
        sizes=sizes[order],
        stability=cut.stability[order],
        bootstrap=cut.bootstrap[order],
        agreement=cut.agreement,
        null=null,
        null_latents=null_latents,
    )


def assemble(spaces: Sequence[SpaceClusters], F: int) -> Clustering:
    """Number the clusters over all spaces and levels, and find the parents; F latents in all.

    `spaces` are in the order of SPACES. Cluster ids are unique: level 0 of a space first, and the
    largest first inside a level.
    """
    tables: list[pa.Table] = []
    labels: list[Int32s] = []
    first = 0
    for one in spaces:
        own = _labels(one, F, first)
        tables.append(_cluster_rows(one, own, first))
        labels.append(own)
        first += tables[-1].num_rows
    levels = [(SPACES.index(one.space), i) for one in spaces for i in range(len(one.levels))]
    return Clustering(
        memberships=_memberships(np.concatenate(labels), np.array(levels)),
        clusters=pa.concat_tables(tables),
        levels=tuple(
            ClusterLevel(
                space=one.space,
                level=i,
                clusters=len(level.sizes),
                noise=one.left_out + int((level.labels < 0).sum()),
                stability=round(level.agreement, 6),
                shown_first=i == one.first,
                **_null_fields(level),
            )
            for one in spaces
            for i, level in enumerate(one.levels)
        ),
        shown={
            CLUSTER_COLUMNS[one.space]: own[one.first]
            for one, own in zip(spaces, labels, strict=True)
        },
    )


def _labels(clusters: SpaceClusters, F: int, first: int) -> Int32s:
    """The clusters [levels, F] of a space, numbered from `first` on; -1 for none."""
    labels = np.full((len(clusters.levels), F), NOISE, dtype=np.int32)
    for row, level in zip(labels, clusters.levels, strict=True):
        row[clusters.latents] = np.where(level.labels >= 0, level.labels + first, NOISE)
        first += len(level.sizes)
    return labels


def _cluster_rows(clusters: SpaceClusters, labels: Int32s, first: int) -> pa.Table:
    """The rows of a space in the cluster table; `labels` [levels, F] count from `first` on."""
    counts = [len(level.sizes) for level in clusters.levels]
    parent = _parents(np.where(labels >= 0, labels - first, NOISE), sum(counts))
    columns = {
        "cluster": np.arange(first, first + sum(counts)),
        "space": pa.array([clusters.space] * sum(counts), pa.string()).dictionary_encode(),
        "level": np.repeat(np.arange(len(counts)), counts),
        "parent": pa.array(parent + first, mask=parent < 0),
        "size": np.concatenate([level.sizes for level in clusters.levels]),
        "stability": np.concatenate([level.stability for level in clusters.levels]),
        "bootstrap": np.concatenate([level.bootstrap for level in clusters.levels]),
        **_null_columns(clusters.levels),
    }
    schema = pa.schema([TABLES["clusters"].field(name) for name in columns])
    return pa.table(columns).cast(schema)


def above_null(stability: Floats, bootstrap: Floats, null: NullCut) -> Bools:
    """Which clusters are reproducible: not weak, and above the largest values of all draws."""
    stable = (stability >= WEAK) & (stability > null.stability)
    return np.asarray(stable & (bootstrap >= WEAK) & (bootstrap > null.bootstrap))


def _null_fields(level: _Level) -> dict[str, Any]:
    """The fields of the manifest about the nulls of a level."""
    if level.null is None:
        return {}
    return {
        "null_draws": level.null.draws,
        "null_latents": level.null_latents,
        "null_stability": round(level.null.agreement, 6),
    }


def _null_columns(levels: Sequence[_Level]) -> dict[str, list[Any]]:
    """The columns of the cluster table about the nulls; null if nothing was drawn."""
    columns: dict[str, list[Any]] = {"stability_null": [], "bootstrap_null": [], "believable": []}
    for level in levels:
        null, count = level.null, len(level.sizes)
        if null is None:
            columns = {name: [*values, *[None] * count] for name, values in columns.items()}
            continue
        believable = above_null(level.stability, level.bootstrap, null)
        columns["stability_null"] += [null.stability] * count
        columns["bootstrap_null"] += [null.bootstrap] * count
        columns["believable"] += believable.tolist()
    return columns


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


def _memberships(labels: Int32s, levels: Ints) -> pa.Table:
    """The labels [rows, F] as the bundle's `memberships` table, sorted by latent and cluster.

    `levels` [rows, 2] are the index of the space and the level of each row.
    """
    latents, rows = np.nonzero(labels.T >= 0)
    spaces = pa.DictionaryArray.from_arrays(levels[rows, 0].astype(np.int32), list(SPACES))
    return pa.table(
        {
            "latent": latents.astype(np.int32),
            "space": spaces,
            "level": levels[rows, 1].astype(np.int8),
            "cluster": labels[rows, latents],
        },
        schema=TABLES["memberships"],
    )
