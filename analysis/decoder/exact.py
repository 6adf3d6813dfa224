"""Compute the nearest rows by cosine, comparing every pair once.

1. Products of rounded rows (`products.py`) are computed in blocks; each block is scanned for both
   of its sides. A heap keeps more candidates for each row than the k that are needed.
2. The candidates are ranked by a cosine that is summed in float64 in a fixed order.
3. Where rounding could hide a nearer row even so, the row is compared with all others again, in
   float32.

The bytes therefore do not depend on the number type, the block size or the number of threads.
"""

import math
from functools import partial

import numba
import numpy as np
import torch

from analysis.decoder.products import (
    RESULT,
    ROUNDING,
    fastest_exact_dtype,
    products,
    rounded_rows,
)
from analysis.runtime.arrays import Float32s, Int32s
from analysis.runtime.threads import over_spans

SMALLEST_BLOCK = 64
LARGEST_BLOCK = 2_048
"""Rows of a block of products, for any memory setting."""

SPARE_CANDIDATES = 32
"""Candidates beyond k. With these, none of 65,536 rows in 768 isotropic dimensions needs a second
comparison, with any number type."""

WORTH_TIMING = 4_096
"""Number of rows from which timing the number types pays off."""

CHUNK = 64
"""Products that are checked at once."""

_BITS = {torch.float32: torch.int32, torch.bfloat16: torch.int16, torch.int8: torch.int32}
"""Integer type of the same bits as a product."""


def nearest_within(
    unit: Float32s,
    pool: Int32s,
    k: int,
    memory_bytes: int,
    dtype: torch.dtype | None = None,
) -> tuple[Int32s, Float32s]:
    """Neighbours int32 [len(pool), k] in `pool` and their cosines; every pair is compared once.

    Rows of unit [F, d] have length 1; `pool` are row numbers. `memory_bytes` bounds a block of
    products. `dtype` is the number type of the products; None is the faster one with a proven
    error bound.
    """
    if dtype is None:
        dtype = fastest_exact_dtype(unit.shape[1]) if len(pool) >= WORTH_TIMING else torch.float32
    values, places, error = _largest_products(unit, pool, k, memory_bytes, dtype)
    # Only rows that could be among the k nearest need an exact cosine; the row itself never does.
    last = values.shape[1] - k - 1
    kth = np.argpartition(values, last, axis=1)[:, last, None]
    # Two products are compared, each with an error: opposite at worst, or independent for int8.
    both = math.sqrt(2) if dtype == torch.int8 else 2
    floor = np.take_along_axis(values - both * error, kth, axis=1)
    is_candidate = (places >= 0) & (values >= floor)
    candidates = np.where(is_candidate, pool[places], pool[:, None])
    neighbours, cosines = rank(unit, pool, candidates, k)
    # The root of a heap is the smallest product it kept; 0 if fewer were positive.
    unsure = np.flatnonzero(~(cosines[:, -1] > values[:, 0] + error[:, 0]))
    neighbours[unsure], cosines[unsure] = nearest(unit, pool, pool[unsure], k, memory_bytes)
    return neighbours, cosines


def nearest(
    unit: Float32s, pool: Int32s, rows: Int32s, k: int, memory_bytes: int
) -> tuple[Int32s, Float32s]:
    """Neighbours int32 [len(rows), k] of some rows in `pool` and their cosines, in float32."""
    columns = torch.from_numpy(unit if len(pool) == len(unit) else unit[pool])
    width = min(k + 1 + SPARE_CANDIDATES, len(pool))
    block = max(1, memory_bytes // (8 * len(pool)))
    neighbours = np.empty((len(rows), k), dtype=np.int32)
    cosines = np.empty((len(rows), k), dtype=np.float32)
    for start in range(0, len(rows), block):
        queries = rows[start : start + block]
        values = torch.from_numpy(unit[queries]) @ columns.T
        best = torch.topk(values, width, dim=1)
        candidates = pool[best.indices.numpy()]
        stop = start + len(queries)
        neighbours[start:stop], cosines[start:stop] = rank(unit, queries, candidates, k)
        # If more duplicated vectors tie than there are spare candidates, rank all of them.
        floor = best.values[:, min(k, width - 1)] - ROUNDING
        crowded = ((values >= floor[:, None]).sum(1) > width).nonzero()[:, 0].tolist()
        for i in crowded:
            near = pool[(values[i] >= floor[i]).numpy()][None]
            row = slice(start + i, start + i + 1)
            neighbours[row], cosines[row] = rank(unit, queries[i : i + 1], near, k)
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


def _largest_products(
    unit: Float32s, pool: Int32s, k: int, memory_bytes: int, dtype: torch.dtype
) -> tuple[Float32s, Int32s, Float32s]:
    """Heaps of the largest products of each row, their places in the pool, and their errors.

    All three are [n, width], or broadcast to it. Products are compared as the integers of the same
    bits, which have the same order from 0 upwards.
    """
    exact = torch.from_numpy(unit if len(pool) == len(unit) else unit[pool])
    rounded = rounded_rows(exact, dtype)
    n, width = len(pool), min(k + 1 + SPARE_CANDIDATES, len(pool))
    values = np.zeros((n, width), dtype=np.int32)
    places = np.full((n, width), -1, dtype=np.int32)
    least = torch.zeros(n, dtype=_BITS[dtype]).numpy()
    # The memory holds a block of products and a copy of it.
    block = math.isqrt(memory_bytes // RESULT[dtype].itemsize) // 2
    block = min(max(block, SMALLEST_BLOCK), LARGEST_BLOCK)
    out = torch.empty(block * block, dtype=RESULT[dtype])
    # Blocks on the diagonal come first: neighbouring rows are often alike, so they fill the heaps.
    for apart in range(0, n, block):
        for i in range(0, n - apart, block):
            j = i + apart
            left, right = rounded.rows[i : i + block], rounded.rows[j : j + block]
            tile = products(left, right, out).view(_BITS[dtype]).numpy()
            upper, lower = slice(i, i + len(left)), slice(j, j + len(right))
            heaps = values[upper], places[upper], least[upper]
            over_spans(len(left), partial(_keep_rows, tile, j, *heaps))
            if j > i:
                heaps = values[lower], places[lower], least[lower]
                work = partial(_keep_columns, tile, i, *heaps)
                # A narrow span would read only little of every cache line.
                over_spans(len(right), work, spans_per_thread=1)
    if dtype == torch.int8:
        return (values * np.float32(rounded.step**2)), places, rounded.error
    bits = values << 16 if dtype == torch.bfloat16 else values
    floats = bits.view(np.float32)
    rounding = np.float32(torch.finfo(dtype).eps / 2) * np.abs(floats)
    return floats, places, rounded.error + rounding


@numba.njit(inline="always")
def _replace_least(values: np.ndarray, places: np.ndarray, value: int, place: int) -> None:
    """Replace the root, the smallest value, of a heap [width] by `value` and `place`."""
    width = len(values)
    i = 0
    while 2 * i + 1 < width:
        child = 2 * i + 1
        if child + 1 < width and values[child + 1] < values[child]:
            child += 1
        if values[child] >= value:
            break
        values[i], places[i] = values[child], places[child]
        i = child
    values[i], places[i] = value, place


@numba.njit(cache=True)
def _any_above(products: np.ndarray, floor: int) -> bool:
    """Whether any of the first CHUNK products is above the floor."""
    # 16-bit integers in a loop of known length use whole vector registers.
    above = np.int16(0)
    for j in range(CHUNK):
        above |= np.int16(products[j] > floor)
    return above != 0


@numba.njit(cache=True)
def _any_above_own(products: np.ndarray, floors: np.ndarray) -> bool:
    """Whether any of the first CHUNK products is above its own floor."""
    above = np.int16(0)
    for j in range(CHUNK):
        above |= np.int16(products[j] > floors[j])
    return above != 0


@numba.njit(nogil=True, cache=True)
def _keep_rows(
    products: np.ndarray,
    column: int,
    values: np.ndarray,
    places: np.ndarray,
    least: np.ndarray,
    start: int,
    stop: int,
) -> None:
    """Offer rows start to stop of products [m, c] to their heaps; column 0 is place `column`."""
    whole = products.shape[1] // CHUNK * CHUNK
    for i in range(start, stop):
        row = products[i]
        for first in range(0, products.shape[1], CHUNK):
            if first < whole and not _any_above(row[first:], least[i]):
                continue
            for j in range(first, min(first + CHUNK, len(row))):
                if row[j] > least[i]:
                    _replace_least(values[i], places[i], row[j], column + j)
                    least[i] = values[i, 0]


@numba.njit(nogil=True, cache=True)
def _keep_columns(
    products: np.ndarray,
    row: int,
    values: np.ndarray,
    places: np.ndarray,
    least: np.ndarray,
    start: int,
    stop: int,
) -> None:
    """Offer columns start to stop of products [m, c] to their heaps; row 0 is place `row`."""
    whole = start + (stop - start) // CHUNK * CHUNK
    for i in range(len(products)):
        values_of_row = products[i]
        for first in range(start, stop, CHUNK):
            if first < whole and not _any_above_own(values_of_row[first:], least[first:]):
                continue
            for j in range(first, min(first + CHUNK, stop)):
                if values_of_row[j] > least[j]:
                    _replace_least(values[j], places[j], values_of_row[j], row + i)
                    least[j] = values[j, 0]


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
