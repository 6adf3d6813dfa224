"""The hierarchy of one space, repeated: with other seeds, and with a part of the latents left out.

Seeds test the optimiser. Leaving out latents tests the data: a share LEFT_OUT of them is drawn, and
the graph, the embedding and the tree are made again from the others.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

from analysis.clusters.hierarchy import hierarchy, smoothed_start
from analysis.decoder.graph import NeighbourGraph
from analysis.decoder.umap_embedding import NEIGHBOURS, FuzzyGraph, fuzzy_graph, start_positions
from analysis.runtime.arrays import Bools, Float32s, Floats, Int32s, Ints

DIMENSIONS = 5
"""Dimensions of the embedding. With ten it takes three times as long, finds the same planted
groups, separates their families less well (stability .8 instead of .9), and lets seeds agree more
on noise: .3 instead of .1 for isotropic vectors of width 256, .55 instead of .35 for width 48."""
SEEDS = 3
BOOTSTRAPS = 2
LEFT_OUT = 0.1
"""Share of the latents that a bootstrap leaves out. With .25, clusters of five latents lose too
many to be found again: of the demo's clusters by co-occurrence 47 % reach .5 instead of 62 %."""


@dataclass(frozen=True)
class Repeats:
    """The single-linkage trees of one space."""

    latents: Int32s
    """int32 [n], those that are clustered; ascending."""
    trees: tuple[Floats, ...]
    """[n - 1, 4] for every seed; empty if there are too few latents."""
    resampled: tuple[tuple[Floats, Ints], ...]
    """The trees of the latents that were not left out, and which of `latents` they are."""

    def save(self, file: Path) -> None:
        """Write them to a .npz file."""
        arrays: dict[str, Any] = {f"tree{i}": tree for i, tree in enumerate(self.trees)}
        for i, (tree, rows) in enumerate(self.resampled):
            arrays |= {f"resampled{i}": tree, f"rows{i}": rows}
        np.savez(file, latents=self.latents, **arrays)

    @staticmethod
    def load(file: Path) -> "Repeats":
        """Read what `save` wrote."""
        with np.load(file) as stored:
            return Repeats(
                stored["latents"],
                tuple(stored[f"tree{i}"] for i in range(SEEDS) if f"tree{i}" in stored),
                tuple(
                    (stored[f"resampled{i}"], stored[f"rows{i}"])
                    for i in range(BOOTSTRAPS)
                    if f"rows{i}" in stored
                ),
            )


def repeats(
    graph: NeighbourGraph,
    eligible: Bools,
    W_dec: Float32s | None = None,
    *,
    seed: int = 0,
    minimum_cluster: int = 5,
    epochs: int | None = None,
) -> Repeats:
    """The hierarchies of the eligible [F] latents of a graph of 2 x NEIGHBOURS neighbours.

    Latents with fewer than `minimum_cluster` neighbours are left out, and so on until all have as
    many. The embedding starts from the principal components of W_dec [F, d], or without it from
    random positions that are smoothed over the graph. There are no trees if there are no more
    latents than UMAP needs neighbours.
    """
    settings = minimum_cluster, epochs
    fuzzy = _core(graph, eligible, minimum_cluster)
    n = len(fuzzy.latents)
    if n <= max(NEIGHBOURS, 2 * minimum_cluster):
        return Repeats(fuzzy.latents, (), ())
    start = _start(fuzzy, W_dec, seed)
    trees = [hierarchy(start, fuzzy, seed + i, *settings) for i in range(SEEDS)]
    resampled = []
    for i in range(SEEDS, SEEDS + BOOTSTRAPS):
        left = np.zeros(len(eligible), dtype=bool)
        stays = np.random.default_rng([seed, i]).random(n) >= LEFT_OUT
        left[fuzzy.latents[stays]] = True
        again = fuzzy_graph(graph.among(left, NEIGHBOURS), left)
        tree = hierarchy(_start(again, W_dec, seed), again, seed + i, *settings)
        resampled.append((tree, np.searchsorted(fuzzy.latents, again.latents)))
    return Repeats(fuzzy.latents, tuple(trees), tuple(resampled))


def _core(graph: NeighbourGraph, eligible: Bools, least: int) -> FuzzyGraph:
    """UMAP's graph of the latents that have at least `least` neighbours among themselves."""
    left = eligible.copy()
    while True:
        near = graph.among(left, NEIGHBOURS)
        if near.k:
            left &= near.neighbours[:, 0] >= 0
        fuzzy = fuzzy_graph(near, left)
        degrees = np.diff(scipy.sparse.csr_matrix(fuzzy.weights).indptr)
        few = fuzzy.latents[degrees < min(least, len(fuzzy.latents) - 1)]
        if len(few) == 0:
            return fuzzy
        left[few] = False


def _start(fuzzy: FuzzyGraph, W_dec: Float32s | None, seed: int) -> Float32s:
    if W_dec is None:
        return smoothed_start(fuzzy, DIMENSIONS, seed)
    return start_positions(W_dec, fuzzy.latents, DIMENSIONS)
