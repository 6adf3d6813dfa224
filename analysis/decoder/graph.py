"""One cosine kNN graph of the decoder, shared by the neighbour table, the map and the clusters.

Every pair of latents is compared up to `LARGEST_COMPARED` eligible ones: exactly, or above
`LARGEST_EXACT` by int8 products where the processor is quick at these. Beyond, pynndescent finds
the neighbours. The recall of both is measured on a sample. Cosines are added up in float64 in a
fixed order, so that no byte depends on the number of threads.

Memory: `memory` bytes for a block of cosines, plus the unit rows (float32) of the decoder; W_dec
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
from analysis.decoder.exact import (
    cosines_of_rows,
    is_int8_fast,
    nearest,
    nearest_within,
    rank,
)
from analysis.runtime.errors import InputError
from analysis.runtime.threads import over_spans

LARGEST_EXACT = 32_768
"""Most eligible latents that int8 is not worth a doubt for: 16,384 of width 768 take 1 s anyway."""

LARGEST_COMPARED = 262_144
"""Most eligible latents for which every pair is compared. At 65,536 int8 takes 8 s and finds all
neighbours of a planted decoder, bfloat16 12 s; pynndescent took 30 s and found .84 of them."""

BLOCK = 16_384
"""Rows that are scaled at once."""

SOUGHT = 1.5
"""Neighbours that pynndescent seeks for each that is kept: more seconds, more recall."""

RECALL_SAMPLE = 500

Way = Literal["exact", "int8", "pynndescent"]
WAYS: dict[Way, str] = {
    "exact": "exact",
    "int8": "every pair compared in int8",
    "pynndescent": "approximate, pynndescent",
}


@dataclass(frozen=True)
class NeighbourGraph:
    """The k nearest decoder vectors of every latent, by cosine."""

    neighbours: np.ndarray
    """int32 [F, k], nearest first, equal cosines by smaller id; -1 where a row has none."""
    cosines: np.ndarray
    """float32 [F, k], descending; NaN where a row has none."""
    how: str
    """How they were found, in words that a reader understands."""
    recall: float
    """Share of the true k nearest that were found; 1 where exact."""

    @property
    def k(self) -> int:
        """Neighbours of each latent; fewer than asked where few latents are eligible."""
        return int(self.neighbours.shape[1])


def unit_rows(W_dec: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
    """Rows of W_dec [F, d] scaled to length 1, float32; a row of zeros stays zeros."""
    count = len(W_dec) if rows is None else len(rows)
    unit = np.empty((count, W_dec.shape[1]), dtype=np.float32)
    for start in range(0, count, BLOCK):
        block = slice(start, min(start + BLOCK, count))
        unit[block] = W_dec[block if rows is None else rows[block]]
        norms = np.linalg.norm(unit[block], axis=1, keepdims=True)
        unit[block] /= np.where(norms > 0, norms, 1)
    return unit


def _norms(W_dec: np.ndarray) -> np.ndarray:
    """Euclidean norm float32 [F] of each row."""
    blocks = [
        np.linalg.norm(W_dec[i : i + BLOCK].astype(np.float32), axis=1)
        for i in range(0, len(W_dec), BLOCK)
    ]
    return np.concatenate([np.empty(0, np.float32), *blocks])


def decoder_graph(
    W_dec: np.ndarray,
    *,
    eligible: np.ndarray,
    k: int = 15,
    seed: int = 0,
    largest_exact: int = LARGEST_EXACT,
    largest_compared: int = LARGEST_COMPARED,
    memory: int = 256_000_000,
) -> NeighbourGraph:
    """The k nearest eligible latents of every latent, by the cosine of their rows of W_dec [F, d].

    `eligible` [F] bool says who may appear as a neighbour (the latents that are not dead). Dead
    latents have neighbours too; a row whose norm is 0 neither has nor is one. With fewer than
    k + 1 eligible latents, k is lowered. Raises InputError where W_dec is not finite.
    """
    norms = _norms(W_dec)
    if not np.isfinite(norms).all():
        raise InputError(
            f"W_dec: row {int(np.flatnonzero(~np.isfinite(norms))[0])} is not finite; "
            "save the SAE again with finite weights."
        )
    pool = np.flatnonzero(eligible & (norms > 0)).astype(np.int32)
    rows = np.flatnonzero(norms > 0).astype(np.int32)
    k = max(0, min(k, len(pool) - 1))
    unit = unit_rows(W_dec)
    found = np.empty((len(rows), 0), np.int32), np.empty((len(rows), 0), np.float32)
    how, recall = "exact", 1.0
    if k > 0:
        way = _way(len(pool), W_dec.shape[1], largest_exact, largest_compared)
        if way == "pynndescent":
            within = _approximate(unit, pool, k, seed)
        else:
            kind = torch.int8 if way == "int8" else None
            within = nearest_within(unit, pool, k, memory, kind)
        found = _with_the_rest(within, unit, pool, rows, memory)
        if way != "exact":
            sample = np.random.default_rng(seed).choice(
                len(rows), min(RECALL_SAMPLE, len(rows)), False
            )
            truth, _ = nearest(unit, pool, rows[sample], k, memory)
            recall = _shared_fraction(truth, found[0][sample])
            how = f"{WAYS[way]}, recall@{k} {recall:.3f} on a sample of {len(sample):,} latents"
    neighbours = np.full((len(W_dec), k), -1, dtype=np.int32)
    cosines = np.full((len(W_dec), k), np.nan, dtype=np.float32)
    neighbours[rows], cosines[rows] = found
    return NeighbourGraph(neighbours, cosines, how, recall)


def _way(latents: int, width: int, largest_exact: int, largest_compared: int) -> Way:
    """How the neighbours among so many eligible latents are found."""
    if latents > largest_compared:
        return "pynndescent"
    return "int8" if latents > largest_exact and is_int8_fast(width) else "exact"


def cosines_of_pairs(W_dec: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Cosines float32 [n] of the rows of W_dec of pairs [n, 2]; NaN where a row is zero."""
    rows, local = np.unique(pairs, return_inverse=True)
    unit = unit_rows(W_dec, rows)
    first, second = local.reshape(-1, 2).T
    cosines = np.empty((len(pairs), 1), dtype=np.float32)
    over_spans(len(pairs), partial(cosines_of_rows, unit, first, second[:, None], cosines))
    zero = np.asarray(~unit.any(axis=1))
    cosines[zero[first] | zero[second]] = np.nan
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
    """The graph of `latents` latents that `neighbour_table` wrote."""
    latent, rank = table["latent"].to_numpy(), table["rank"].to_numpy()
    k = int(rank.max(initial=-1)) + 1
    neighbours = np.full((latents, k), -1, dtype=np.int32)
    cosines = np.full((latents, k), np.nan, dtype=np.float32)
    neighbours[latent, rank] = table["neighbour"].to_numpy()
    cosines[latent, rank] = table["cosine"].to_numpy()
    return NeighbourGraph(neighbours, cosines, how, recall)


def _with_the_rest(
    within: tuple[np.ndarray, np.ndarray],
    unit: np.ndarray,
    pool: np.ndarray,
    rows: np.ndarray,
    memory: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours and cosines [len(rows), k]: those of the pool as given, of the rest exact."""
    if len(rows) == len(pool):
        return within
    inside = np.isin(rows, pool, assume_unique=True)
    rest = nearest(unit, pool, rows[~inside], within[0].shape[1], memory)
    found = []
    for ours, theirs in zip(within, rest, strict=True):
        both = np.empty((len(rows), ours.shape[1]), dtype=ours.dtype)
        both[inside], both[~inside] = ours, theirs
        found.append(both)
    return found[0], found[1]


def _approximate(
    unit: np.ndarray, pool: np.ndarray, k: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours [len(pool), k] in `pool` by pynndescent, which finds more than are kept."""
    # With more threads, the seed would no longer fix the result.
    index = NNDescent(
        unit if len(pool) == len(unit) else unit[pool],
        metric="cosine",
        n_neighbors=round(SOUGHT * k) + 1,
        random_state=seed,
        n_jobs=1,
    )
    return rank(unit, pool, pool[index.neighbor_graph[0]], k)


def _shared_fraction(truth: np.ndarray, found: np.ndarray) -> float:
    """Mean share of each row of truth [n, k] that the same row of found [n, k] holds."""
    return float((truth[:, :, None] == found[:, None, :]).any(axis=2).mean())
