"""Compare all pairs of unit rows in blocks, and keep the largest products of each row.

Products of rounded rows (`products.py`) are computed in blocks. A block of two different parts of
the pool is scanned for both of its sides, so every pair is multiplied once; rows outside the pool
are only compared with it. A heap of each row keeps its largest products.

The order of the blocks is fixed, and `Heaps.done` counts them, so an interrupted comparison
resumes from saved heaps (`kept_heaps.py`).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numba
import numpy as np
import torch

from analysis.decoder.products import RESULT, RoundedRows, products, rounded_rows
from analysis.runtime.arrays import Float32s, Int32s, Ints
from analysis.runtime.progress import SILENT, Progress
from analysis.runtime.threads import over_spans

SMALLEST_BLOCK = 64
LARGEST_BLOCK = 2_048
"""Rows of a block of products, for any memory setting."""

CHUNK = 64
"""Products that are checked at once."""

_BITS = {torch.float32: torch.int32, torch.bfloat16: torch.int16, torch.int8: torch.int32}
"""Integer type of the same bits as a product."""


@dataclass
class Heaps:
    """The largest products of each row so far, as the integers of the same bits.

    These have the same order as the products from 0 upwards.
    """

    values: Int32s
    """[n, width]; the first of each row is its smallest."""
    places: Int32s
    """[n, width], rows of the pool; -1 where fewer products were positive."""
    least: Ints
    """[n], `values[:, 0]` in the type of the products."""
    dtype: torch.dtype
    """Number type of the rounded rows."""
    block: int
    """Rows of a block."""
    done: int = 0
    """Blocks that were compared."""

    @staticmethod
    def empty(rows: int, width: int, dtype: torch.dtype, memory_bytes: int) -> "Heaps":
        """Heaps before the first block. `memory_bytes` bounds a block of products and its copy."""
        block = math.isqrt(memory_bytes // RESULT[dtype].itemsize) // 2
        return Heaps(
            np.zeros((rows, width), dtype=np.int32),
            np.full((rows, width), -1, dtype=np.int32),
            torch.zeros(rows, dtype=_BITS[dtype]).numpy(),
            dtype,
            min(max(block, SMALLEST_BLOCK), LARGEST_BLOCK),
        )


@dataclass(frozen=True)
class Largest:
    """The largest products of each row, and how far they may be off."""

    values: Float32s
    """[n, width]"""
    places: Int32s
    """[n, width]"""
    error: Float32s
    """[n, width], or broadcast to it."""

    def of(self, rows: slice) -> "Largest":
        """Those of some rows."""
        return Largest(self.values[rows], self.places[rows], self.error[rows])


def blocks(rows: int, pool: int, block: int) -> Iterator[tuple[slice, slice]]:
    """The rows of both sides of each block of products, in the order in which they are compared.

    Blocks on the diagonal come first: neighbouring rows are often alike, so they fill the heaps.
    """
    for apart in range(0, pool, block):
        for i in range(0, pool - apart, block):
            j = i + apart
            yield slice(i, min(i + block, pool)), slice(j, min(j + block, pool))
    for i in range(pool, rows, block):
        for j in range(0, pool, block):
            yield slice(i, min(i + block, rows)), slice(j, min(j + block, pool))


def number_of_blocks(rows: int, pool: int, block: int) -> int:
    """How many there are."""
    inside, outside = -(-pool // block), -(-(rows - pool) // block)
    return inside * (inside + 1) // 2 + inside * outside


def compare(
    unit: Float32s,
    pool: int,
    heaps: Heaps,
    save: Callable[[Heaps], None] | None = None,
    progress: Progress = SILENT,
) -> Largest:
    """The largest products of each row of unit [n, d] with its first `pool` rows.

    Starts after `heaps.done` blocks. `save` is called after every block with the heaps, and
    `progress` receives blocks.
    """
    rounded = rounded_rows(torch.from_numpy(unit), heaps.dtype)
    total = number_of_blocks(len(unit), pool, heaps.block)
    out = torch.empty(heaps.block**2, dtype=RESULT[heaps.dtype])
    progress(heaps.done, total)
    every = blocks(len(unit), pool, heaps.block)
    for upper, lower in islice(every, heaps.done, None):
        tile = products(rounded.rows[upper], rounded.rows[lower], out)
        _keep(tile.view(_BITS[heaps.dtype]).numpy(), upper, lower, heaps, upper.start >= pool)
        heaps.done += 1
        if save is not None:
            save(heaps)
        progress(heaps.done, total)
    return _largest(heaps, rounded)


def _keep(tile: np.ndarray, upper: slice, lower: slice, heaps: Heaps, one_sided: bool) -> None:
    """Offer a block of products to the heaps of its rows and, unless one-sided, of its columns."""
    values, places, least = heaps.values, heaps.places, heaps.least
    own = values[upper], places[upper], least[upper]
    over_spans(len(tile), partial(_keep_rows, tile, lower.start, *own))
    if upper != lower and not one_sided:
        own = values[lower], places[lower], least[lower]
        work = partial(_keep_columns, tile, upper.start, *own)
        # A narrow span would read only little of every cache line.
        over_spans(tile.shape[1], work, spans_per_thread=1)


def _largest(heaps: Heaps, rounded: RoundedRows) -> Largest:
    if heaps.dtype == torch.int8:
        values = heaps.values * np.float32(rounded.step**2)
        return Largest(values, heaps.places, rounded.error)
    bits = heaps.values << 16 if heaps.dtype == torch.bfloat16 else heaps.values
    floats = bits.view(np.float32)
    rounding = np.float32(torch.finfo(heaps.dtype).eps / 2) * np.abs(floats)
    return Largest(floats, heaps.places, rounded.error + rounding)


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
