"""Compute the nearest rows by cosine, comparing every pair once.

1. Products of rounded rows are compared in blocks (`comparison.py`), and more candidates for each
   row are kept than the k that are needed.
2. The candidates are ranked by a cosine that is summed in float64 in a fixed order.
3. Where rounding could hide a nearer row even so, the row is compared with all others again, in
   float32.

The bytes therefore do not depend on the number type, the block size or the number of threads, nor
on whether the comparison was interrupted.
"""

import math
from functools import partial

import numba
import numpy as np
import torch

from analysis.decoder.comparison import Heaps, Largest, compare
from analysis.decoder.kept_heaps import KeptHeaps
from analysis.decoder.products import ROUNDING
from analysis.runtime.arrays import Float32s, Int32s
from analysis.runtime.progress import SILENT, Progress
from analysis.runtime.threads import over_spans

SPARE_CANDIDATES = 32
"""Candidates beyond k. With these, none of 65,536 rows in 768 isotropic dimensions needs a second
comparison, with any number type."""

RANKED_ROWS = 65_536
"""Rows whose candidates are ranked at once, which bounds the memory for it."""


def width_of(k: int, pool: int) -> int:
    """Candidates that are kept for each row, itself among them."""
    return min(k + 1 + SPARE_CANDIDATES, pool)


def nearest_within(
    unit: Float32s,
    pool: int,
    k: int,
    memory_bytes: int,
    dtype: torch.dtype = torch.float32,
    kept: KeptHeaps | None = None,
    progress: Progress = SILENT,
) -> tuple[Int32s, Float32s]:
    """The k nearest of the first `pool` rows for each row, int32 [n, k], and their cosines.

    Rows of unit [n, d] have length 1. Every pair is compared once. `memory_bytes` bounds a block
    of products. `dtype` is the number type of the products. An interrupted comparison resumes from
    what `kept` has, in the number type of then.
    """
    heaps = kept.saved if kept is not None else None
    if heaps is None:
        heaps = Heaps.empty(len(unit), width_of(k, pool), dtype, memory_bytes)
    save = kept.save_in_time if kept is not None else None
    largest = compare(unit, pool, heaps, save, progress)
    if kept is not None:
        kept.save_last(heaps)
    neighbours = np.empty((len(unit), k), dtype=np.int32)
    cosines = np.empty((len(unit), k), dtype=np.float32)
    is_unsure = np.empty(len(unit), dtype=np.bool_)
    for start in range(0, len(unit), RANKED_ROWS):
        rows = slice(start, min(start + RANKED_ROWS, len(unit)))
        part = largest.of(rows)
        own = np.arange(rows.start, rows.stop, dtype=np.int32)
        candidates = _candidates(part, own, k, heaps.dtype)
        neighbours[rows], cosines[rows] = rank(unit, own, candidates, k)
        # The root of a heap is the smallest product it kept; 0 if fewer were positive.
        is_unsure[rows] = ~(cosines[rows, -1] > part.values[:, 0] + part.error[:, 0])
    unsure = np.flatnonzero(is_unsure).astype(np.int32)
    again = progress.named(f"{progress.name}, second comparison, latents")
    neighbours[unsure], cosines[unsure] = nearest(unit, pool, unsure, k, memory_bytes, again)
    return neighbours, cosines


def _candidates(largest: Largest, rows: Int32s, k: int, dtype: torch.dtype) -> Int32s:
    """The rows that could be among the k nearest of each; the row itself in place of others.

    Only these need an exact cosine, and the row itself never does.
    """
    values = largest.values
    last = values.shape[1] - k - 1
    kth = np.argpartition(values, last, axis=1)[:, last, None]
    # Two products are compared, each with an error: opposite at worst, or independent for int8.
    both = math.sqrt(2) if dtype == torch.int8 else 2
    floor = np.take_along_axis(values - both * largest.error, kth, axis=1)
    is_candidate = (largest.places >= 0) & (values >= floor)
    return np.where(is_candidate, largest.places, rows[:, None])


def nearest(
    unit: Float32s,
    pool: int,
    rows: Int32s,
    k: int,
    memory_bytes: int,
    progress: Progress = SILENT,
) -> tuple[Int32s, Float32s]:
    """The k nearest of the first `pool` rows for some rows, and their cosines, both [len(rows), k].

    Computed in float32. `progress` receives rows, if there are any.
    """
    columns = torch.from_numpy(unit[:pool])
    width = width_of(k, pool)
    block = max(1, memory_bytes // (8 * pool))
    neighbours = np.empty((len(rows), k), dtype=np.int32)
    cosines = np.empty((len(rows), k), dtype=np.float32)
    for start in range(0, len(rows), block):
        progress(start, len(rows))
        queries = rows[start : start + block]
        values = torch.from_numpy(unit[queries]) @ columns.T
        best = torch.topk(values, width, dim=1)
        candidates = best.indices.numpy().astype(np.int32)
        stop = start + len(queries)
        neighbours[start:stop], cosines[start:stop] = rank(unit, queries, candidates, k)
        # If more duplicated vectors tie than there are spare candidates, rank all of them.
        floor = best.values[:, min(k, width - 1)] - ROUNDING
        crowded = ((values >= floor[:, None]).sum(1) > width).nonzero()[:, 0].tolist()
        for i in crowded:
            near = (values[i] >= floor[i]).nonzero()[:, 0].numpy().astype(np.int32)[None]
            row = slice(start + i, start + i + 1)
            neighbours[row], cosines[row] = rank(unit, queries[i : i + 1], near, k)
    if len(rows) > 0:
        progress(len(rows), len(rows))
    return neighbours, cosines


def rank(unit: Float32s, rows: Int32s, candidates: Int32s, k: int) -> tuple[Int32s, Float32s]:
    """The k best candidates [n, c] of each row by exact cosine, without the row itself.

    Ties go to the smaller id.
    """
    cosines = np.empty(candidates.shape, dtype=np.float32)
    over_spans(len(rows), partial(cosines_of_rows, unit, rows, candidates, cosines))
    cosines[candidates == rows[:, None]] = -np.inf
    order = np.lexsort((candidates, -cosines), axis=1)[:, :k]
    return (
        np.take_along_axis(candidates, order, axis=1),
        np.take_along_axis(cosines, order, axis=1),
    )


@numba.njit(nogil=True, cache=True)
def cosines_of_rows(
    unit: np.ndarray,
    rows: np.ndarray,
    candidates: np.ndarray,
    result: np.ndarray,
    start: int,
    stop: int,
) -> None:
    """Cosines float32 [n, c] of rows [n] with candidates [n, c], for rows start to stop.

    Eight float64 sums, each over every eighth product, are always added in the same order.
    """
    whole = unit.shape[1] // 8 * 8
    sums = np.empty(8)
    for i in range(start, stop):
        own = unit[rows[i]]
        for j in range(candidates.shape[1]):
            other = unit[candidates[i, j]]
            sums[:] = 0.0
            for t in range(0, whole, 8):
                for lane in range(8):
                    sums[lane] += np.float64(own[t + lane]) * np.float64(other[t + lane])
            total = 0.0
            for lane in range(8):
                total += sums[lane]
            for t in range(whole, len(own)):
                total += np.float64(own[t]) * np.float64(other[t])
            result[i, j] = min(1.0, max(-1.0, total))
