"""The two maps of the latents: UMAP of the decoder and UMAP of co-occurrence.

Settings of Bricken et al. 2023: cosine, min_dist .05, and 15 neighbours on the map of
co-occurrence. It starts from the map of the decoder, so a latent whose place differs has moved.
`map_quality` measures how well a map preserves neighbours; `bench/bench_map_settings.py` compares
other settings.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from analysis.bundle import MapQuality
from analysis.decoder.graph import NeighbourGraph
from analysis.decoder.map_quality import (
    QUALITY_NEIGHBOURS,
    knn_recall,
    map_neighbours,
    shared_fraction,
    trustworthiness,
)
from analysis.decoder.umap_embedding import FuzzyGraph, embed, fuzzy_graph, start_positions
from analysis.runtime.arrays import Bools, Float32s

MIN_DIST = 0.05
DECODER_NEIGHBOURS = 8
"""A latent itself and its 7 nearest. With DECODER_POWER, the map of the demo's decoder has a kNN
recall of .123 instead of the .078 of 15 neighbours and a power of .75, a trustworthiness of .668
instead of .650, and an agreement of seeds of .27 instead of .25, in two thirds of the time."""
DECODER_POWER = 2.0
"""Power of the cosine by which the edges of the decoder map are weighted. From 6 on, most edges of
the demo are too weak to move a latent, and recall falls."""
SAMPLES = 25
"""Negative samples of the maps. Trustworthiness of the demo's decoder, means of four seeds: .634
with 10, .647 with 25; umap-learn with its defaults reaches .627."""
SEEDS = 3
"""Number of maps computed to measure their agreement; the first one is shown."""


@dataclass(frozen=True)
class LatentMap:
    """Coordinates of the latents on a map, and how well the map preserves their neighbours."""

    x: Float32s
    """float32 [F], NaN for latents that are not on the map."""
    y: Float32s
    """float32 [F], NaN for latents that are not on the map."""
    recall: Float32s
    """float32 [F], kNN recall@10 of each latent, NaN for latents that are not on the map."""
    agreement: Float32s
    """float32 [F], agreement over the seeds, NaN for latents that are not on the map."""
    quality: MapQuality

    @property
    def placed(self) -> Bools:
        """bool [F]: the latents on the map."""
        return np.isfinite(self.x)

    @property
    def points(self) -> Float32s:
        """float32 [n, 2], coordinates of the latents on the map."""
        return np.column_stack([self.x, self.y])[self.placed]


def decoder_map(
    W_dec: np.ndarray,
    graph: NeighbourGraph,
    eligible: Bools,
    *,
    seed: int = 0,
    epochs: int | None = None,
    seeds: int = SEEDS,
) -> LatentMap:
    """Map of the eligible [F] latents of W_dec [F, d] by decoder similarity.

    `epochs` None is 1,000, or 500 from 50,000 latents on. `seeds` maps are computed, with the seeds
    from `seed` on, to measure their agreement; the first one is returned. With fewer latents than
    UMAP needs neighbours, the map is their first two principal components.
    """
    fuzzy = fuzzy_graph(graph, eligible, neighbours=DECODER_NEIGHBOURS, power=DECODER_POWER)
    start = start_positions(W_dec, fuzzy.latents, 2)
    maps = [
        embed(start, fuzzy, min_dist=MIN_DIST, seed=seed + i, epochs=epochs, samples=SAMPLES)
        for i in range(seeds)
    ]
    trust = trustworthiness(W_dec, fuzzy.latents, maps[0], seed)
    return _with_quality(maps, fuzzy, len(W_dec), trust, graph.how)


def cooccurrence_map(
    graph: NeighbourGraph,
    reference: LatentMap,
    *,
    seed: int = 0,
    epochs: int | None = None,
    seeds: int = SEEDS,
) -> LatentMap:
    """Map by co-occurrence the latents of the map `reference` that have partners.

    It starts from their coordinates on that map. `graph` comes from
    `analysis.cooccurrence.partner_graph`. Only the strongest partners are known, so trustworthiness
    is undefined, and recall is that of the ten strongest partners. `seeds` maps are computed, as
    for the decoder.
    """
    fuzzy = fuzzy_graph(graph, reference.placed)
    start = np.column_stack([reference.x, reference.y])[fuzzy.latents]
    maps = [
        embed(start, fuzzy, min_dist=MIN_DIST, seed=seed + i, epochs=epochs, samples=SAMPLES)
        for i in range(seeds)
    ]
    return _with_quality(maps, fuzzy, len(reference.x), None, graph.how)


def moved(first: LatentMap, second: LatentMap) -> Float32s:
    """How much the neighbourhood of each latent differs between two maps, float32 [F].

    1 minus the share of its ten nearest latents on one map that are among its ten nearest on the
    other, both among the latents that are on both maps; NaN for the others.
    """
    on_both = np.flatnonzero(first.placed & second.placed)
    result = np.full(len(first.x), np.nan, dtype=np.float32)
    k = min(QUALITY_NEIGHBOURS, len(on_both) - 1)
    if k > 0:
        rows = np.arange(len(on_both))
        near_first, near_second = (
            map_neighbours(np.column_stack([one.x, one.y])[on_both], rows, k)
            for one in (first, second)
        )
        result[on_both] = 1 - shared_fraction(near_first, near_second)
    return result


def _with_quality(
    maps: list[Float32s], fuzzy: FuzzyGraph, F: int, trust: float | None, how: str
) -> LatentMap:
    """The first of the maps [n, 2], with its recall and its agreement with the others."""
    k = min(QUALITY_NEIGHBOURS, len(fuzzy.latents) - 1)
    rows = np.arange(len(fuzzy.latents))
    near = [
        map_neighbours(points, rows, k) if k > 0 else np.empty((0, 0), np.int64) for points in maps
    ]
    recall_of_row = knn_recall(near[0], fuzzy.neighbours)
    pairs = [shared_fraction(a, b) for a, b in combinations(near, 2)] if k > 0 else []
    agreement_of_row = np.mean(pairs, axis=0) if pairs else np.full(len(rows), np.nan)
    x, y, recall, agreement = np.full((4, F), np.nan, dtype=np.float32)
    x[fuzzy.latents], y[fuzzy.latents] = maps[0][:, 0], maps[0][:, 1]
    recall[fuzzy.latents], agreement[fuzzy.latents] = recall_of_row, agreement_of_row
    quality = MapQuality(
        trustworthiness=trust,
        knn_recall=_mean_of_known(recall_of_row),
        latents=len(rows),
        left_out=F - len(rows),
        graph=how,
        agreement=_mean_of_known(agreement_of_row),
    )
    return LatentMap(x, y, recall, agreement, quality)


def _mean_of_known(values: np.ndarray) -> float | None:
    """The mean of the finite values, to six digits; None if there is none."""
    known = values[np.isfinite(values)]
    return round(float(known.mean(dtype=np.float64)), 6) if len(known) else None
