"""The map: UMAP of the decoder from the shared kNN graph, and how far it can be trusted.

McInnes, Healy, Melville 2018 (UMAP), by umap-learn, with the settings of Bricken et al. 2023:
cosine, 15 neighbours, min_dist .05. It starts from the first principal components of the unit
decoder rows and runs on one thread with a fixed seed, so the same seed gives the same bytes.

Trustworthiness: Venna and Kaski 2001, as in scikit-learn. kNN recall: the share of a latent's ten
nearest decoder vectors that are among its ten nearest on the map.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse
import torch
from scipy.spatial import KDTree
from umap.umap_ import find_ab_params, fuzzy_simplicial_set, simplicial_set_embedding

from analysis.neighbours import NeighbourGraph, unit_rows

NEIGHBOURS = 15
"""A latent itself and its 14 nearest, as umap-learn counts them."""

MAP_MIN_DIST = 0.05
TRUST_NEIGHBOURS = 10
TRUST_SAMPLE = 2_048
"""Latents over which trustworthiness is averaged, where there are more."""


@dataclass(frozen=True)
class Layout:
    """Coordinates of the latents on the map, and the trust that they deserve."""

    x: np.ndarray
    """float32 [F], NaN where the latent is left out."""
    y: np.ndarray
    """float32 [F], NaN where the latent is left out."""
    recall: np.ndarray
    """float32 [F], kNN recall@10 of each latent, NaN where it is left out."""
    trustworthiness: float | None
    """For 10 neighbours; None where too few latents are on the map to define it."""
    knn_recall: float | None
    """Mean of `recall`; None where no latent has a neighbour."""

    @property
    def placed(self) -> np.ndarray:
        """bool [F]: the latents on the map."""
        return np.isfinite(self.x)


@dataclass(frozen=True)
class FuzzyGraph:
    """UMAP's weighted graph over the latents that are placed, from the shared kNN graph."""

    latents: np.ndarray
    """int32 [n], ascending: row i of everything else is latent latents[i]."""
    neighbours: np.ndarray
    """int32 [n, k]: rows, not latents; nearest first."""
    weights: scipy.sparse.spmatrix
    """[n, n] symmetric membership strengths."""


def layout(
    W_dec: np.ndarray,
    graph: NeighbourGraph,
    eligible: np.ndarray,
    *,
    seed: int = 0,
    epochs: int | None = None,
) -> Layout:
    """Place the eligible latents of W_dec [F, d] on a plane.

    `epochs` None is umap-learn's default: 500 up to 10,000 latents, 200 above. With fewer latents
    than UMAP needs neighbours, the map is their first two principal components.
    """
    fuzzy = fuzzy_graph(graph, eligible)
    points = embed(W_dec, fuzzy, 2, min_dist=MAP_MIN_DIST, seed=seed, epochs=epochs)
    recall = _knn_recall(points, fuzzy.neighbours)
    x, y, per_latent = (np.full(len(W_dec), np.nan, dtype=np.float32) for _ in range(3))
    x[fuzzy.latents], y[fuzzy.latents] = points[:, 0], points[:, 1]
    per_latent[fuzzy.latents] = recall
    known = np.isfinite(recall)
    return Layout(
        x=x,
        y=y,
        recall=per_latent,
        trustworthiness=_trustworthiness(W_dec, fuzzy.latents, points, seed),
        knn_recall=float(recall[known].mean()) if known.any() else None,
    )


def fuzzy_graph(graph: NeighbourGraph, eligible: np.ndarray) -> FuzzyGraph:
    """UMAP's graph of the eligible latents that have neighbours, or all eligible if none has."""
    has_row = graph.neighbours[:, 0] >= 0 if graph.k else np.ones(len(eligible), dtype=bool)
    latents = np.flatnonzero(eligible & has_row).astype(np.int32)
    row_of = np.full(len(eligible), -1, dtype=np.int32)
    row_of[latents] = np.arange(len(latents), dtype=np.int32)
    neighbours = row_of[graph.neighbours[latents]]
    own = np.arange(len(latents), dtype=np.int32)[:, None]
    near = np.hstack([own, neighbours])[:, :NEIGHBOURS]
    distances = np.hstack([np.zeros(own.shape), 1 - graph.cosines[latents]])[:, :NEIGHBOURS]
    weights = scipy.sparse.coo_matrix((len(latents), len(latents)), dtype=np.float32)
    if graph.k and len(latents):
        weights, _, _ = fuzzy_simplicial_set(
            # With neighbours given, only the number of rows of the data is read.
            np.empty((len(latents), 0), dtype=np.float32),
            near.shape[1],
            np.random.RandomState(0),
            "cosine",
            knn_indices=near,
            knn_dists=np.maximum(distances, 0).astype(np.float32),
        )
    return FuzzyGraph(latents, neighbours, weights)


def embed(
    W_dec: np.ndarray,
    fuzzy: FuzzyGraph,
    dimensions: int,
    *,
    min_dist: float,
    seed: int,
    epochs: int | None = None,
) -> np.ndarray:
    """UMAP coordinates float32 [n, dimensions] of the latents of the graph."""
    start = principal_components(W_dec, fuzzy.latents, dimensions)
    if len(fuzzy.latents) <= max(NEIGHBOURS, dimensions + 1):
        return start
    random = np.random.RandomState(seed)
    spread = max(float(np.abs(start).max()), 1e-6)
    # Latents with the same decoder vector must not start on the same spot.
    start = start + random.normal(scale=1e-4 * spread, size=start.shape)
    a, b = find_ab_params(1.0, min_dist)
    points, _ = simplicial_set_embedding(
        data=None,
        graph=fuzzy.weights,
        n_components=dimensions,
        initial_alpha=1.0,
        a=a,
        b=b,
        gamma=1.0,
        negative_sample_rate=5,
        n_epochs=epochs,
        init=start.astype(np.float32),
        random_state=random,
        metric="cosine",
        metric_kwds={},
        densmap=False,
        densmap_kwds={},
        output_dens=False,
        parallel=False,
        tqdm_kwds={"disable": True},
    )
    return np.asarray(points, dtype=np.float32)


def principal_components(W_dec: np.ndarray, latents: np.ndarray, dimensions: int) -> np.ndarray:
    """First principal components float32 [n, dimensions] of the unit rows; missing ones are 0.

    Each axis is turned so that its largest loading is positive: eigenvectors have no sign.
    """
    parts = [latents[i : i + 16_384] for i in range(0, len(latents), 16_384)]
    d = W_dec.shape[1]
    total, products = np.zeros(d), np.zeros((d, d))
    for part in parts:
        rows = unit_rows(W_dec, part).astype(np.float64)
        total += rows.sum(axis=0)
        products += rows.T @ rows
    mean = total / max(len(latents), 1)
    _, axes = np.linalg.eigh(products / max(len(latents), 1) - np.outer(mean, mean))
    axes = axes[:, ::-1][:, :dimensions]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    points = np.zeros((len(latents), dimensions), dtype=np.float32)
    for i, part in enumerate(parts):
        block = (unit_rows(W_dec, part) - mean) @ axes
        # Rounded, because the last bits of a matrix product depend on the number of threads.
        points[i * 16_384 : i * 16_384 + len(part), : axes.shape[1]] = block.round(5)
    return points


def _map_neighbours(points: np.ndarray, rows: np.ndarray, k: int) -> np.ndarray:
    """The k nearest other points [len(rows), k] of some rows of points [n, 2]."""
    _, near = KDTree(points).query(points[rows], k=k + 1)
    # Where points coincide the row itself may not come first; it is taken out wherever it is.
    itself = near == rows[:, None]
    itself[~itself.any(axis=1), -1] = True
    return np.asarray(near[~itself].reshape(len(rows), k))


def _knn_recall(points: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """Share float32 [n] of the nearest decoder rows [n, >= 10] that are nearest on the map too."""
    k = min(TRUST_NEIGHBOURS, neighbours.shape[1], len(points) - 1)
    if k < 1:
        return np.full(len(points), np.nan, dtype=np.float32)
    near = _map_neighbours(points, np.arange(len(points)), k)
    shared = (neighbours[:, :k, None] == near[:, None, :]).any(axis=2)
    return np.asarray(shared.mean(axis=1), dtype=np.float32)


def _trustworthiness(
    W_dec: np.ndarray, latents: np.ndarray, points: np.ndarray, seed: int
) -> float | None:
    """Trustworthiness by cosine of the map points [n, 2] of the latents, over a seeded sample."""
    n, k = len(latents), TRUST_NEIGHBOURS
    if n <= 2 * k:
        return None
    rows = np.arange(n)
    if n > TRUST_SAMPLE:
        rows = np.sort(np.random.default_rng(seed).choice(n, TRUST_SAMPLE, replace=False))
    near = _map_neighbours(points, rows, k)
    penalty = 0
    unit = torch.from_numpy(unit_rows(W_dec, latents))
    block = max(1, 32_000_000 // n)
    for start in range(0, len(rows), block):
        asked = torch.from_numpy(rows[start : start + block])
        cosines = unit[asked] @ unit.T
        cosines[torch.arange(len(asked)), asked] = -2.0
        chosen = torch.gather(cosines, 1, torch.from_numpy(near[start : start + block]))
        for j in range(k):
            rank = 1 + (cosines > chosen[:, j : j + 1]).sum(1)
            penalty += int((rank - k).clamp(min=0).sum())
    return round(1.0 - 2.0 / (len(rows) * k * (2 * n - 3 * k - 1)) * penalty, 6)
