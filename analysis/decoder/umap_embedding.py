"""UMAP of the shared kNN graph: its edge weights, the start, and the embedding.

McInnes, Healy, Melville 2018. umap-learn weighs the edges; `umap_optimiser` moves the latents from
the first principal components of the unit decoder rows. The bytes do not depend on the number of
threads. Both the maps and the clusters use this.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse
from umap.umap_ import (
    compute_membership_strengths,
    find_ab_params,
    fuzzy_simplicial_set,
    smooth_knn_dist,
)

from analysis.decoder.graph import NeighbourGraph
from analysis.decoder.umap_optimiser import SAMPLES, optimise
from analysis.decoder.vectors import unit_rows
from analysis.runtime.arrays import Bools, Float32s, Floats, Int32s

# What `fuzzy_simplicial_set` compiles, for ten seconds. umap-learn lets every process do it again.
for _kernel in (smooth_knn_dist, compute_membership_strengths):
    _kernel.enable_caching()

NEIGHBOURS = 15
"""A latent itself and its 14 nearest, as umap-learn counts them."""

COSINE_POWER = 0.75
"""Edges are weighted by this power of their cosine. UMAP makes the nearest neighbour of every
latent equally near, even for a latent that is similar to no other; such latents then appear between
groups that have nothing in common. Trustworthiness without and with the weighting, means of four
seeds: 16,384 planted latents, a fifth of them isotropic, .942 and .949; the demo's decoder .638 and
.647. The map of the decoder has another (`umap_map`)."""

EPOCHS = 1_000
MANY = 50_000
"""Latents from which on half the epochs are enough: with 65,536 planted latents trustworthiness is
then .942. umap-learn's optimiser on the same graph reaches .937 in seven times the time."""
EPOCHS_OF_MANY = 500

START_JITTER = 1e-4
"""Size of the random shift of the start, relative to its largest coordinate."""
AXES_SAMPLE = 4_096
"""Latents from which the principal axes are computed, evenly spaced, if there are more."""
BLOCK = 2_048
FARTHEST = 2.0
"""Largest distance 1 - cosine; a missing neighbour counts as this far away."""


@dataclass(frozen=True)
class FuzzyGraph:
    """UMAP's weighted graph over the embedded latents, from the shared kNN graph."""

    latents: Int32s
    """int32 [n], ascending: row i of everything else is latent latents[i]."""
    neighbours: Int32s
    """int32 [n, k]: rows, not latents; nearest first; -1 for none."""
    weights: scipy.sparse.spmatrix
    """[n, n] symmetric membership strengths."""


def fuzzy_graph(
    graph: NeighbourGraph,
    eligible: Bools,
    *,
    neighbours: int = NEIGHBOURS,
    power: float = COSINE_POWER,
) -> FuzzyGraph:
    """UMAP's graph of the eligible [F] latents that have neighbours, or of all if none has any.

    A latent is joined to its `neighbours` nearest, itself included. Edges are weighted by cosine **
    `power`.
    """
    has_row = graph.neighbours[:, 0] >= 0 if graph.k else np.ones(len(eligible), dtype=bool)
    latents = np.flatnonzero(eligible & has_row).astype(np.int32)
    row_of = np.full(len(eligible), -1, dtype=np.int32)
    row_of[latents] = np.arange(len(latents), dtype=np.int32)
    nearest = graph.neighbours[latents]
    rows = np.where(nearest >= 0, row_of[nearest], -1).astype(np.int32)
    own = np.arange(len(latents), dtype=np.int32)[:, None]
    near = np.hstack([own, rows])[:, :neighbours]
    apart = np.where(rows >= 0, 1 - graph.cosines[latents], FARTHEST)
    distances = np.hstack([np.zeros(own.shape), apart])[:, :neighbours]
    weights = scipy.sparse.coo_matrix((len(latents), len(latents)), dtype=np.float32)
    if graph.k and len(latents):
        weights, _, _ = fuzzy_simplicial_set(
            # umap-learn reads only the number of rows of the data if the neighbours are given.
            np.empty((len(latents), 0), dtype=np.float32),
            near.shape[1],
            np.random.RandomState(0),
            "cosine",
            knn_indices=near,
            knn_dists=np.maximum(distances, 0).astype(np.float32),
        )
        weights = _by_cosine(weights, near[:, 1:], 1 - distances[:, 1:], power)
    return FuzzyGraph(latents, rows, weights)


def _by_cosine(
    weights: scipy.sparse.spmatrix, near: Int32s, cosines: Floats, power: float
) -> scipy.sparse.spmatrix:
    """Edge weights [n, n] times cosine ** power; `cosines` [n, k] are those of `near`."""
    known = near >= 0
    rows = np.repeat(np.arange(len(near)), known.sum(axis=1))
    strengths = np.maximum(cosines[known], 0).astype(np.float32) ** power
    one_way = scipy.sparse.csr_matrix((strengths, (rows, near[known])), weights.shape)
    return scipy.sparse.csr_matrix(weights).multiply(one_way.maximum(one_way.T)).tocoo()


def embed(
    start: Float32s,
    fuzzy: FuzzyGraph,
    *,
    min_dist: float,
    seed: int,
    epochs: int | None = None,
    jitter: float = START_JITTER,
    samples: int = SAMPLES,
) -> Float32s:
    """UMAP coordinates float32 [n, D] of the latents of the graph, from start [n, D].

    `epochs` None is 1,000, or 500 from 50,000 latents on. `seed` shifts the start by `jitter` and
    draws the negative samples, `samples` of them for each vertex and epoch. With no more latents
    than UMAP needs neighbours, the start is returned.
    """
    if len(start) <= max(NEIGHBOURS, start.shape[1] + 1):
        return start
    epochs = epochs or (EPOCHS if len(start) < MANY else EPOCHS_OF_MANY)
    return optimise(
        jittered(start, jitter, np.random.RandomState(seed)),
        fuzzy.weights,
        find_ab_params(1.0, min_dist),
        epochs=epochs,
        seed=seed,
        samples=samples,
    )


def jittered(start: Float32s, jitter: float, random: np.random.RandomState) -> Floats:
    """The start [n, D] with normal noise of `jitter` times its largest coordinate.

    Without it, latents with the same decoder vector would start at the same point and never part.
    """
    spread = max(float(np.abs(start).max()), 1e-6)
    return np.asarray(start + random.normal(scale=jitter * spread, size=start.shape))


def start_positions(W_dec: np.ndarray, latents: Int32s, dimensions: int) -> Float32s:
    """First principal components float32 [n, dimensions] of the unit rows of some latents.

    Components that do not exist are 0. Eigenvectors have no sign: each is turned so that its
    largest loading is positive.
    """
    sample = latents[:: max(1, -(-len(latents) // AXES_SAMPLE))]
    rows = unit_rows(W_dec, sample).astype(np.float64)
    mean = rows.sum(axis=0) / max(len(rows), 1)
    _, axes = np.linalg.eigh(rows.T @ rows / max(len(rows), 1) - np.outer(mean, mean))
    axes = axes[:, ::-1][:, :dimensions]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    points = np.zeros((len(latents), dimensions), dtype=np.float32)
    for i in range(0, len(latents), BLOCK):
        block = unit_rows(W_dec, latents[i : i + BLOCK]).astype(np.float64) @ axes - mean @ axes
        # Rounded, because the last bits of a matrix product depend on the number of threads.
        points[i : i + BLOCK, : axes.shape[1]] = block.round(5)
    return points
