"""The maps: UMAP of the decoder and of co-occurrence, and how far they can be trusted.

McInnes, Healy, Melville 2018 (UMAP), with the settings of Bricken et al. 2023: cosine, 15
neighbours, min_dist .05. umap-learn weighs the edges; `umap_optimiser` places the latents,
from the first principal components of the unit decoder rows, with the same bytes for any number of
threads; umap-learn's own optimiser is kept as the reference. The map of co-occurrence starts from
the map of the decoder, so that a latent that lies elsewhere on it has moved.

Trustworthiness: Venna and Kaski 2001, as in scikit-learn. kNN recall: the share of a latent's ten
nearest decoder vectors that are among its ten nearest on the map. Agreement: the share of its ten
nearest on the map that are so with another seed too, mean over the pairs of three seeds.
"""

from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numba
import numpy as np
import scipy.sparse
import torch
from scipy.spatial import KDTree
from umap.umap_ import find_ab_params, fuzzy_simplicial_set, simplicial_set_embedding

from analysis.bundle import MapQuality
from analysis.decoder.exact import ROUNDING
from analysis.decoder.graph import NeighbourGraph, unit_rows
from analysis.decoder.umap_optimiser import SAMPLES, optimise
from analysis.runtime.threads import over_spans

NEIGHBOURS = 15
"""A latent itself and its 14 nearest, as umap-learn counts them."""

MAP_MIN_DIST = 0.05
MAP_SAMPLES = 25
"""Negative samples of the maps. Trustworthiness of the demo's decoder, means of four seeds: .634
with 10, .647 with 25; umap-learn's default comes to .627."""
COSINE_POWER = 0.75
"""To which edges count by their cosine. UMAP makes the nearest neighbour of every latent equally
near, also that of a latent that is like no other; those then lie between groups that have nothing
in common. Trustworthiness without and with, means of four seeds: 16,384 planted latents, a fifth of
them isotropic, .942 and .949; the demo's decoder .638 and .647."""
EPOCHS = 1_000
MANY = 50_000
"""Latents from which on half of the epochs do: with 65,536 planted latents trustworthiness is then
.942, umap-learn's optimiser on the same graph .937 in seven times the time."""
EPOCHS_OF_MANY = 500
SEEDS = 3
"""Maps that are drawn to see whether they agree; the first is shown."""
TRUST_NEIGHBOURS = 10
TRUST_SAMPLE = (1_024, 2_048)
"""Latents over which trustworthiness is averaged, where there are more: at least, at most."""
TRUST_COSINES = 1 << 26
"""Cosines that it is worth, between those bounds."""
AXES_SAMPLE = 4_096
"""Latents that the principal axes are taken from, evenly spaced, where there are more."""
BLOCK = 2_048
FARTHEST = 2.0
"""Largest distance 1 - cosine; a missing neighbour counts as that far."""


@dataclass(frozen=True)
class Layout:
    """Coordinates of the latents on the map, and the trust that they deserve."""

    x: np.ndarray
    """float32 [F], NaN where the latent is left out."""
    y: np.ndarray
    """float32 [F], NaN where the latent is left out."""
    recall: np.ndarray
    """float32 [F], kNN recall@10 of each latent, NaN where it is left out."""
    agreement: np.ndarray
    """float32 [F], agreement over the seeds, NaN where it is left out."""
    quality: MapQuality

    @property
    def placed(self) -> np.ndarray:
        """bool [F]: the latents on the map."""
        return np.isfinite(self.x)

    @property
    def points(self) -> np.ndarray:
        """float32 [n, 2], the latents that are placed."""
        return np.column_stack([self.x, self.y])[self.placed]


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
    seeds: int = SEEDS,
    reference: bool = False,
) -> Layout:
    """Place the eligible latents of W_dec [F, d] on a plane.

    `epochs` None is 1,000, or 500 for many latents. `seeds` maps are drawn, from `seed` on;
    `reference` is as in `embed`. With fewer latents than UMAP needs neighbours, the map is their
    first two principal components.
    """
    fuzzy = fuzzy_graph(graph, eligible)
    start = principal_components(W_dec, fuzzy.latents, 2)
    drawn = [
        embed(
            start,
            fuzzy,
            min_dist=MAP_MIN_DIST,
            seed=seed + i,
            epochs=epochs,
            samples=MAP_SAMPLES,
            reference=reference,
        )
        for i in range(seeds)
    ]
    trusted = trustworthiness(W_dec, fuzzy.latents, drawn[0], seed)
    return _measured(drawn, fuzzy, len(W_dec), trusted, graph.how)


def layout_by_cooccurrence(
    graph: NeighbourGraph, beside: Layout, *, seed: int = 0, epochs: int | None = None
) -> Layout:
    """Place the latents that have partners, from where they are on the map of the decoder.

    `graph` is that of `analysis.cooccurrence.partner_graph`. Trustworthiness is not defined, since
    only the strongest partners are known; recall is that of the ten strongest. One seed is drawn.
    """
    fuzzy = fuzzy_graph(graph, beside.placed)
    start = np.column_stack([beside.x, beside.y])[fuzzy.latents]
    drawn = [
        embed(start, fuzzy, min_dist=MAP_MIN_DIST, seed=seed, epochs=epochs, samples=MAP_SAMPLES)
    ]
    return _measured(drawn, fuzzy, len(beside.x), None, graph.how)


def _measured(
    drawn: list[np.ndarray], fuzzy: FuzzyGraph, F: int, trusted: float | None, how: str
) -> Layout:
    """The first of the maps, [n, 2] each, with what can be said of it."""
    k = min(TRUST_NEIGHBOURS, len(fuzzy.latents) - 1)
    rows = np.arange(len(fuzzy.latents))
    near = [_map_neighbours(points, rows, k) if k > 0 else np.empty((0, 0)) for points in drawn]
    recall = _knn_recall(near[0], fuzzy.neighbours)
    pairs = [_shared(a, b) for a, b in combinations(near, 2)] if k > 0 else []
    agreed = np.mean(pairs, axis=0) if pairs else np.full(len(rows), np.nan)
    x, y, recalled, agreement = np.full((4, F), np.nan, dtype=np.float32)
    x[fuzzy.latents], y[fuzzy.latents] = drawn[0][:, 0], drawn[0][:, 1]
    recalled[fuzzy.latents], agreement[fuzzy.latents] = recall, agreed
    quality = MapQuality(
        trustworthiness=trusted,
        knn_recall=_mean_of_known(recall),
        latents=len(rows),
        left_out=F - len(rows),
        graph=how,
        agreement=_mean_of_known(agreed),
    )
    return Layout(x, y, recalled, agreement, quality)


def moved(first: Layout, second: Layout) -> np.ndarray:
    """How far the neighbourhood of each latent differs between two maps: float32 [F].

    1 less the share of its ten nearest on one map that are among its ten nearest on the other, both
    sought among the latents that are on both; NaN for the others.
    """
    both = np.flatnonzero(first.placed & second.placed)
    result = np.full(len(first.x), np.nan, dtype=np.float32)
    k = min(TRUST_NEIGHBOURS, len(both) - 1)
    if k > 0:
        rows = np.arange(len(both))
        near = [
            _map_neighbours(np.column_stack([on.x, on.y])[both], rows, k) for on in (first, second)
        ]
        result[both] = 1 - _shared(*near)
    return result


def _mean_of_known(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return round(float(known.mean(dtype=np.float64)), 6) if len(known) else None


def fuzzy_graph(graph: NeighbourGraph, eligible: np.ndarray) -> FuzzyGraph:
    """UMAP's graph of the eligible latents that have neighbours, or all eligible if none has."""
    has_row = graph.neighbours[:, 0] >= 0 if graph.k else np.ones(len(eligible), dtype=bool)
    latents = np.flatnonzero(eligible & has_row).astype(np.int32)
    row_of = np.full(len(eligible), -1, dtype=np.int32)
    row_of[latents] = np.arange(len(latents), dtype=np.int32)
    found = graph.neighbours[latents]
    neighbours = np.where(found >= 0, row_of[found], -1).astype(np.int32)
    own = np.arange(len(latents), dtype=np.int32)[:, None]
    near = np.hstack([own, neighbours])[:, :NEIGHBOURS]
    apart = np.where(neighbours >= 0, 1 - graph.cosines[latents], FARTHEST)
    distances = np.hstack([np.zeros(own.shape), apart])[:, :NEIGHBOURS]
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
        weights = _by_cosine(weights, near[:, 1:], 1 - distances[:, 1:])
    return FuzzyGraph(latents, neighbours, weights)


def _by_cosine(
    weights: scipy.sparse.spmatrix, near: np.ndarray, cosines: np.ndarray
) -> scipy.sparse.spmatrix:
    """Edges [n, n] times a power of the cosine of their ends; cosines [n, k] of row and near."""
    known = near >= 0
    rows = np.repeat(np.arange(len(near)), known.sum(axis=1))
    strengths = np.maximum(cosines[known], 0).astype(np.float32) ** COSINE_POWER
    one_way = scipy.sparse.csr_matrix((strengths, (rows, near[known])), weights.shape)
    return scipy.sparse.csr_matrix(weights).multiply(one_way.maximum(one_way.T)).tocoo()


def embed(
    start: np.ndarray,
    fuzzy: FuzzyGraph,
    *,
    min_dist: float,
    seed: int,
    epochs: int | None = None,
    jitter: float = 1e-4,
    samples: int = SAMPLES,
    reference: bool = False,
) -> np.ndarray:
    """UMAP coordinates float32 [n, D] of the latents of the graph, from start [n, D].

    Each seed moves the start by `jitter` of its largest coordinate; `samples` as in `optimise`.
    `reference` is umap-learn's own optimiser, on one thread, where `epochs` None is 500 up to
    10,000 latents and 200 above.
    """
    if len(start) <= max(NEIGHBOURS, start.shape[1] + 1):
        return start
    random = np.random.RandomState(seed)
    spread = max(float(np.abs(start).max()), 1e-6)
    # Latents with the same decoder vector must not start on the same spot.
    start = start + random.normal(scale=jitter * spread, size=start.shape)
    curve = find_ab_params(1.0, min_dist)
    if not reference:
        epochs = epochs or (EPOCHS if len(start) < MANY else EPOCHS_OF_MANY)
        return optimise(start, fuzzy.weights, curve, epochs=epochs, seed=seed, samples=samples)
    points, _ = simplicial_set_embedding(
        data=None,
        graph=fuzzy.weights,
        n_components=start.shape[1],
        initial_alpha=1.0,
        a=curve[0],
        b=curve[1],
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


def _map_neighbours(points: np.ndarray, rows: np.ndarray, k: int) -> np.ndarray:
    """The k nearest other points [len(rows), k] of some rows of points [n, 2]."""
    _, near = KDTree(points).query(points[rows], k=k + 1, workers=numba.get_num_threads())
    # Where points coincide the row itself may not come first; it is taken out wherever it is.
    itself = near == rows[:, None]
    itself[~itself.any(axis=1), -1] = True
    return np.asarray(near[~itself].reshape(len(rows), k))


def _shared(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Share float32 [n] of each row of first [n, k] that is in the same row of second [n, j]."""
    return np.asarray(
        (first[:, :, None] == second[:, None, :]).any(axis=2).mean(axis=1), dtype=np.float32
    )


def _knn_recall(near: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """Share float32 [n] of the nearest decoder rows that are among near [n, k] on the map too.

    Of each row of neighbours [n, >= k] the first k count; -1 is none, and without any it is NaN.
    """
    wanted = neighbours[:, : near.shape[1]]
    known = (wanted >= 0).sum(axis=1)
    if wanted.shape[1] == 0:
        return np.full(len(neighbours), np.nan, dtype=np.float32)
    found = (wanted[:, :, None] == near[:, None, :]).any(axis=2).sum(axis=1)
    return np.where(known > 0, found / np.maximum(known, 1), np.nan).astype(np.float32)


def trustworthiness(
    W_dec: np.ndarray, latents: np.ndarray, points: np.ndarray, seed: int
) -> float | None:
    """Trustworthiness by cosine of the map points [n, 2] of the latents, over a seeded sample."""
    n, k = len(latents), TRUST_NEIGHBOURS
    if n <= 2 * k:
        return None
    rows = np.arange(n)
    asked_of = int(np.clip(TRUST_COSINES // n, *TRUST_SAMPLE))
    if n > asked_of:
        rows = np.sort(np.random.default_rng(seed).choice(n, asked_of, replace=False))
    near = _map_neighbours(points, rows, k)
    asked = torch.from_numpy(unit_rows(W_dec, latents[rows]))
    chosen = torch.from_numpy(unit_rows(W_dec, latents[near.ravel()])).reshape(*near.shape, -1)
    # Products of another shape round otherwise: what is nearer by less than that is not nearer.
    least = torch.einsum("nd,nkd->nk", asked, chosen) + ROUNDING
    nearer = np.zeros(near.shape, dtype=np.int64)
    block = max(1, 8_000_000 // len(rows))
    for start in range(0, n, block):
        cosines = asked @ torch.from_numpy(unit_rows(W_dec, latents[start : start + block])).T
        inside = np.flatnonzero((rows >= start) & (rows < start + block))
        cosines[inside, rows[inside] - start] = -2.0
        over_spans(len(rows), partial(_count_nearer, cosines.numpy(), least.numpy(), nearer))
    penalty = int(np.maximum(1 + nearer - k, 0).sum())
    return round(1.0 - 2.0 / (len(rows) * k * (2 * n - 3 * k - 1)) * penalty, 6)


@numba.njit(nogil=True, cache=True)
def _count_nearer(
    cosines: np.ndarray, least: np.ndarray, nearer: np.ndarray, start: int, stop: int
) -> None:
    """Add to nearer [n, k] how many of cosines [n, m] are above each of least [n, k]."""
    for i in range(start, stop):
        lowest = least[i].min()
        for cosine in cosines[i]:
            if cosine > lowest:
                for j in range(least.shape[1]):
                    nearer[i, j] += cosine > least[i, j]
