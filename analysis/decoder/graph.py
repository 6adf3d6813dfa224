"""One cosine kNN graph of the decoder, shared by the neighbour table, the map and the clusters.

Up to `LARGEST_COMPARED` eligible latents, every pair is compared: exactly, or above `LARGEST_EXACT`
with int8 products if the processor multiplies these quickly. Above that, pynndescent finds the
neighbours. The recall of int8 and pynndescent is measured on a sample. Cosines are summed in
float64 in a fixed order, so no byte depends on the number of threads.

Memory: `memory_bytes` for a block of cosines, plus the unit rows (float32) of the decoder. W_dec
itself may be float16 or memory-mapped and is read in blocks.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import pyarrow as pa
import torch
from pynndescent import NNDescent

from analysis.bundle import TABLES
from analysis.decoder.exact import cosines_of_rows, nearest, nearest_within, rank
from analysis.decoder.products import is_int8_fast
from analysis.decoder.vectors import row_norms, unit_rows
from analysis.runtime.arrays import Bools, Float32s, Int32s, Ints
from analysis.runtime.errors import InputError
from analysis.runtime.memory import MEMORY_BYTES
from analysis.runtime.threads import over_spans

LARGEST_EXACT = 32_768
"""Eligible latents up to which the search is exact: 16,384 of width 768 take 1 s, so int8 would
save little."""

LARGEST_COMPARED = 262_144
"""Eligible latents up to which every pair is compared. At 65,536, int8 takes 8 s and finds all
neighbours of a planted decoder, and bfloat16 takes 12 s; pynndescent takes 30 s and finds .84."""

OVERSAMPLING = 1.5
"""Neighbours that pynndescent searches for each that is kept: slower, with a higher recall."""

RECALL_SAMPLE = 500
"""Latents on which the recall of a search that is not exact is measured."""

Method = Literal["exact", "int8", "pynndescent"]
METHODS: dict[Method, str] = {
    "exact": "exact",
    "int8": "every pair compared in int8",
    "pynndescent": "approximate, pynndescent",
}


@dataclass(frozen=True)
class NeighbourGraph:
    """The k nearest decoder vectors of every latent, by cosine."""

    neighbours: Int32s
    """int32 [F, k], nearest first, ties to the smaller id; -1 pads rows with fewer."""
    cosines: Float32s
    """float32 [F, k], descending; NaN where `neighbours` is -1."""
    how: str
    """How the neighbours were computed, as text for readers."""
    recall: float
    """Share of the true k nearest that are in the graph; 1 if exact."""

    @property
    def k(self) -> int:
        """Neighbours of each latent; fewer than requested if few latents are eligible."""
        return int(self.neighbours.shape[1])

    def spread(self, latents: Ints, F: int) -> "NeighbourGraph":
        """The graph of F latents, from one whose row i is latents[i]; others have no neighbours."""
        neighbours = np.full((F, self.k), -1, dtype=np.int32)
        cosines = np.full((F, self.k), np.nan, dtype=np.float32)
        known = self.neighbours >= 0
        near = np.full(known.shape, -1, dtype=np.int32)
        near[known] = latents[self.neighbours[known]]
        neighbours[latents], cosines[latents] = near, self.cosines
        return NeighbourGraph(neighbours, cosines, self.how, self.recall)

    def among(self, kept: Bools, k: int) -> "NeighbourGraph":
        """The first k neighbours of every latent that are in `kept` [F], and only for those.

        It is exact for latents that have k neighbours left.
        """
        known = self.neighbours >= 0
        known[known] = kept[self.neighbours[known]]
        known &= kept[:, None]
        order = np.argsort(~known, axis=1, kind="stable")[:, :k]
        left = np.take_along_axis(known, order, 1)
        near = np.where(left, np.take_along_axis(self.neighbours, order, 1), -1)
        cosines = np.where(left, np.take_along_axis(self.cosines, order, 1), np.nan)
        return NeighbourGraph(near, cosines.astype(np.float32), self.how, self.recall)


def decoder_graph(
    W_dec: np.ndarray,
    *,
    eligible: Bools,
    k: int = 15,
    seed: int = 0,
    largest_exact: int = LARGEST_EXACT,
    largest_compared: int = LARGEST_COMPARED,
    memory_bytes: int = MEMORY_BYTES,
) -> NeighbourGraph:
    """The k nearest eligible latents of every latent, by the cosine of their rows of W_dec [F, d].

    Only `eligible` [F] latents (those that are not dead) can be neighbours; every latent with a
    nonzero row has neighbours, dead ones too. With fewer than k + 1 eligible latents, k is lowered.
    `seed` fixes the sample for the recall and pynndescent. Raises InputError if W_dec is not
    finite.
    """
    norms = row_norms(W_dec)
    if not np.isfinite(norms).all():
        raise InputError(
            f"W_dec: row {int(np.flatnonzero(~np.isfinite(norms))[0])} is not finite; "
            "save the SAE again with finite weights."
        )
    pool = np.flatnonzero(eligible & (norms > 0)).astype(np.int32)
    rows = np.flatnonzero(norms > 0).astype(np.int32)
    k = max(0, min(k, len(pool) - 1))
    unit = unit_rows(W_dec)
    nearby = np.empty((len(rows), 0), np.int32), np.empty((len(rows), 0), np.float32)
    how, recall = "exact", 1.0
    if k > 0:
        method = _method(len(pool), W_dec.shape[1], largest_exact, largest_compared)
        if method == "pynndescent":
            within = _approximate(unit, pool, k, seed)
        else:
            dtype = torch.int8 if method == "int8" else None
            within = nearest_within(unit, pool, k, memory_bytes, dtype)
        nearby = _with_the_rest(within, unit, pool, rows, memory_bytes)
        if method != "exact":
            sample = np.random.default_rng(seed).choice(
                len(rows), min(RECALL_SAMPLE, len(rows)), False
            )
            truth, _ = nearest(unit, pool, rows[sample], k, memory_bytes)
            recall = _recall(truth, nearby[0][sample])
            how = (
                f"{METHODS[method]}, recall@{k} {recall:.3f} on a sample of {len(sample):,} latents"
            )
    neighbours = np.full((len(W_dec), k), -1, dtype=np.int32)
    cosines = np.full((len(W_dec), k), np.nan, dtype=np.float32)
    neighbours[rows], cosines[rows] = nearby
    return NeighbourGraph(neighbours, cosines, how, recall)


def cosines_of_pairs(W_dec: np.ndarray, pairs: np.ndarray) -> Float32s:
    """Cosines float32 [n] of the rows of W_dec of pairs [n, 2]; NaN where a row is zero."""
    rows, local = np.unique(pairs, return_inverse=True)
    unit = unit_rows(W_dec, rows)
    first, second = local.reshape(-1, 2).T
    cosines = np.empty((len(pairs), 1), dtype=np.float32)
    over_spans(len(pairs), partial(cosines_of_rows, unit, first, second[:, None], cosines))
    is_zero = np.asarray(~unit.any(axis=1))
    cosines[is_zero[first] | is_zero[second]] = np.nan
    return np.asarray(cosines[:, 0])


def neighbour_table(graph: NeighbourGraph) -> pa.Table:
    """The graph as the bundle's `neighbours` table, sorted by latent and rank."""
    latents, ranks = np.nonzero(graph.neighbours >= 0)
    return pa.table(
        {
            "latent": latents.astype(np.int32),
            "rank": ranks.astype(np.int16),
            "neighbour": graph.neighbours[latents, ranks],
            "cosine": graph.cosines[latents, ranks],
        },
        schema=TABLES["neighbours"],
    )


def graph_of_table(table: pa.Table, latents: int, how: str, recall: float) -> NeighbourGraph:
    """The graph that `neighbour_table` wrote, for `latents` latents in all."""
    latent, ranks = table["latent"].to_numpy(), table["rank"].to_numpy()
    k = int(ranks.max(initial=-1)) + 1
    neighbours = np.full((latents, k), -1, dtype=np.int32)
    cosines = np.full((latents, k), np.nan, dtype=np.float32)
    neighbours[latent, ranks] = table["neighbour"].to_numpy()
    cosines[latent, ranks] = table["cosine"].to_numpy()
    return NeighbourGraph(neighbours, cosines, how, recall)


def _method(latents: int, width: int, largest_exact: int, largest_compared: int) -> Method:
    """How to search among this many eligible latents of `width` dimensions."""
    if latents > largest_compared:
        return "pynndescent"
    return "int8" if latents > largest_exact and is_int8_fast(width) else "exact"


def _with_the_rest(
    within: tuple[Int32s, Float32s],
    unit: Float32s,
    pool: Int32s,
    rows: Int32s,
    memory_bytes: int,
) -> tuple[Int32s, Float32s]:
    """Neighbours and cosines [len(rows), k]: `within` for the pool, and exact ones for the rest."""
    if len(rows) == len(pool):
        return within
    in_pool = np.isin(rows, pool, assume_unique=True)
    rest = nearest(unit, pool, rows[~in_pool], within[0].shape[1], memory_bytes)
    neighbours = np.empty((len(rows), within[0].shape[1]), dtype=np.int32)
    cosines = np.empty(neighbours.shape, dtype=np.float32)
    neighbours[in_pool], cosines[in_pool] = within
    neighbours[~in_pool], cosines[~in_pool] = rest
    return neighbours, cosines


def _approximate(unit: Float32s, pool: Int32s, k: int, seed: int) -> tuple[Int32s, Float32s]:
    """Neighbours [len(pool), k] in `pool` and their cosines, by pynndescent."""
    index = NNDescent(
        unit if len(pool) == len(unit) else unit[pool],
        metric="cosine",
        n_neighbors=round(OVERSAMPLING * k) + 1,
        random_state=seed,
        # With more threads, the seed would no longer fix the result.
        n_jobs=1,
    )
    return rank(unit, pool, pool[index.neighbor_graph[0]], k)


def _recall(truth: Int32s, neighbours: Int32s) -> float:
    """Mean share of each row of truth [n, k] that is in the same row of neighbours [n, k]."""
    return float((truth[:, :, None] == neighbours[:, None, :]).any(axis=2).mean())
