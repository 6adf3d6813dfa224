"""One cosine kNN graph of the decoder, shared by the neighbour table, the map and the clusters.

Exact up to `LARGEST_EXACT` eligible latents: candidates come from float32 matrix products of
blocks, each used for both of its sides, and are then ranked again by a cosine that is added up in
float64 in a fixed order. So neither the block size nor the number of threads changes a byte of the
result. Above that size pynndescent finds the neighbours, and its recall is measured on a sample.

Memory: `memory` bytes for a block of cosines, plus the unit rows (float32) of the decoder; W_dec
itself may be float16 or memory-mapped and is read in blocks.
"""

import math
from dataclasses import dataclass
from functools import partial

import numba
import numpy as np
import pyarrow as pa
import torch
from pynndescent import NNDescent

from analysis.bundle import TABLES
from analysis.errors import InputError
from analysis.threads import over_spans

LARGEST_EXACT = 32_768
"""Most eligible latents for which every pair is compared (some ten seconds on two cores)."""

BLOCK = 16_384
"""Rows that are scaled at once."""

SMALLEST_BLOCK = 64
"""Rows of the smallest block of cosines, however little memory is given."""

SPARE_CANDIDATES = 8
"""Candidates beyond k, so that float32 rounding cannot push a true neighbour out."""

ROUNDING = 2e-6
"""More than a float32 product of unit vectors is ever wrong by."""

RECALL_SAMPLE = 1_000


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
    if k == 0:
        found = np.empty((len(rows), 0), np.int32), np.empty((len(rows), 0), np.float32)
        how, recall = "exact", 1.0
    elif len(pool) <= largest_exact:
        within = _exact_within(unit, pool, k, memory)
        found = _with_the_rest(within, unit, pool, rows, memory)
        how, recall = "exact", 1.0
    else:
        within = _approximate(unit, pool, k, seed)
        found = _with_the_rest(within, unit, pool, rows, memory)
        sample = np.random.default_rng(seed).choice(len(rows), min(RECALL_SAMPLE, len(rows)), False)
        truth, _ = _exact(unit, pool, rows[sample], k, memory)
        recall = _shared_fraction(truth, found[0][sample])
        how = (
            f"approximate, pynndescent, recall@{k} {recall:.3f} on a sample of "
            f"{len(sample):,} latents"
        )
    neighbours = np.full((len(W_dec), k), -1, dtype=np.int32)
    cosines = np.full((len(W_dec), k), np.nan, dtype=np.float32)
    neighbours[rows], cosines[rows] = found
    return NeighbourGraph(neighbours, cosines, how, recall)


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
    rest = _exact(unit, pool, rows[~inside], within[0].shape[1], memory)
    found = []
    for ours, theirs in zip(within, rest, strict=True):
        both = np.empty((len(rows), ours.shape[1]), dtype=ours.dtype)
        both[inside], both[~inside] = ours, theirs
        found.append(both)
    return found[0], found[1]


def _exact_within(
    unit: np.ndarray, pool: np.ndarray, k: int, memory: int
) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours [len(pool), k] in `pool` and their cosines, every pair compared once."""
    width = min(k + 1 + SPARE_CANDIDATES, len(pool))
    best = torch.full((len(pool), width), -2.0)
    where = torch.zeros((len(pool), width), dtype=torch.int64)

    def keep(products: torch.Tensor, first_row: int, first_column: int) -> None:
        found = torch.topk(products, min(width, products.shape[1]), dim=1)
        mine = slice(first_row, first_row + len(products))
        values = torch.cat([best[mine], found.values], dim=1)
        places = torch.cat([where[mine], found.indices + first_column], dim=1)
        best[mine], order = torch.topk(values, width, dim=1)
        where[mine] = torch.gather(places, 1, order)

    # A block, its transpose and what topk copies.
    block = max(SMALLEST_BLOCK, math.isqrt(memory // 12))
    for i in range(0, len(pool), block):
        left = torch.from_numpy(unit[pool[i : i + block]])
        for j in range(i, len(pool), block):
            products = left @ torch.from_numpy(unit[pool[j : j + block]]).T
            keep(products, i, j)
            if j > i:
                keep(products.T.contiguous(), j, i)
    neighbours, cosines = _rank(unit, pool, pool[where.numpy()], k)
    # Duplicated vectors can tie beyond the spare candidates: then their whole rows are ranked.
    tied = best[:, -1] >= best[:, min(k, width - 1)] - ROUNDING
    crowded = tied.numpy().nonzero()[0] if width < len(pool) else np.empty(0, np.int64)
    neighbours[crowded], cosines[crowded] = _exact(unit, pool, pool[crowded], k, memory)
    return neighbours, cosines


def _exact(
    unit: np.ndarray, pool: np.ndarray, rows: np.ndarray, k: int, memory: int
) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours [len(rows), k] in `pool` and their cosines, every pair compared."""
    columns = torch.from_numpy(unit if len(pool) == len(unit) else unit[pool])
    width = min(k + 1 + SPARE_CANDIDATES, len(pool))
    block = max(1, memory // (8 * len(pool)))
    neighbours = np.empty((len(rows), k), dtype=np.int32)
    cosines = np.empty((len(rows), k), dtype=np.float32)
    for start in range(0, len(rows), block):
        asked = rows[start : start + block]
        products = torch.from_numpy(unit[asked]) @ columns.T
        best = torch.topk(products, width, dim=1)
        candidates = pool[best.indices.numpy()]
        stop = start + len(asked)
        neighbours[start:stop], cosines[start:stop] = _rank(unit, asked, candidates, k)
        # Duplicated vectors can tie beyond the spare candidates: then all that tie are ranked.
        floor = best.values[:, min(k, width - 1)] - ROUNDING
        crowded = ((products >= floor[:, None]).sum(1) > width).nonzero()[:, 0].tolist()
        for i in crowded:
            near = pool[(products[i] >= floor[i]).numpy()][None]
            row = slice(start + i, start + i + 1)
            neighbours[row], cosines[row] = _rank(unit, asked[i : i + 1], near, k)
    return neighbours, cosines


def _approximate(
    unit: np.ndarray, pool: np.ndarray, k: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours [len(pool), k] in `pool` by pynndescent, which finds twice as many as are kept."""
    # With more threads, the seed would no longer fix the result.
    index = NNDescent(
        unit if len(pool) == len(unit) else unit[pool],
        metric="cosine",
        n_neighbors=2 * k + 1,
        random_state=seed,
        n_jobs=1,
    )
    return _rank(unit, pool, pool[index.neighbor_graph[0]], k)


def _rank(
    unit: np.ndarray, rows: np.ndarray, candidates: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The k best of the candidates [n, c] of each row, without the row itself, by exact cosine."""
    cosines = np.empty(candidates.shape, dtype=np.float32)
    over_spans(len(rows), partial(_cosines, unit, rows, candidates, cosines))
    cosines[candidates == rows[:, None]] = -np.inf
    order = np.lexsort((candidates, -cosines), axis=1)[:, :k]
    return (
        np.take_along_axis(candidates, order, axis=1),
        np.take_along_axis(cosines, order, axis=1),
    )


@numba.njit(nogil=True, cache=True)
def _cosines(
    unit: np.ndarray,
    rows: np.ndarray,
    candidates: np.ndarray,
    result: np.ndarray,
    start: int,
    stop: int,
) -> None:
    """Cosines float32 [n, c] of rows [n] with candidates [n, c], for n from start to stop."""
    for i in range(start, stop):
        for j in range(candidates.shape[1]):
            total = 0.0
            for t in range(unit.shape[1]):
                total += np.float64(unit[rows[i], t]) * np.float64(unit[candidates[i, j], t])
            result[i, j] = min(1.0, max(-1.0, total))


def _shared_fraction(truth: np.ndarray, found: np.ndarray) -> float:
    """Mean share of each row of truth [n, k] that the same row of found [n, k] holds."""
    return float((truth[:, :, None] == found[:, None, :]).any(axis=2).mean())
