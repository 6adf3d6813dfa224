"""The exact nearest rows by cosine, by comparing every pair once.

Candidates come from matrix products of blocks, each scanned for both of its sides; they are then
ranked by a cosine that is added up in float64 in a fixed order. The products are of bfloat16 where
the processor multiplies these faster. A row keeps more candidates than it needs; where the rounding
of the products could hide a nearer one even so, the row is compared with all others again, in
float32. So neither the kind of product, the block size nor the number of threads changes a byte.

The error of a product of unit rows x, y that were rounded to x + e and y + f is at most |e| + |f|
and a little, by Cauchy and Schwarz, plus the rounding of the product itself.
"""

import math
import time
from functools import cache, partial

import numba
import numpy as np
import torch

from analysis.threads import over_spans

SMALLEST_BLOCK = 64
LARGEST_BLOCK = 4_096
"""Rows of a block of products, however little or much memory is given."""

SPARE_CANDIDATES = 32
"""Candidates beyond k. In 768 isotropic dimensions no row of 65,536 then needs a second look."""

ROUNDING = 2e-6
"""More than a float32 product of unit vectors is ever wrong by."""

WORTH_ROUNDING = 4_096
"""Rows from which on it pays to find out which product is faster."""

CHUNK = 64
"""Products that are looked at together."""


def nearest_within(
    unit: np.ndarray, pool: np.ndarray, k: int, memory: int, kind: torch.dtype | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours int32 [len(pool), k] in `pool` and their cosines, every pair compared once.

    Rows of unit [F, d] have length 1; `pool` are rows of it. `memory` bytes hold a block of
    products. `kind` None is the faster kind of product here.
    """
    if kind is None:
        kind = _faster_kind(unit.shape[1]) if len(pool) >= WORTH_ROUNDING else torch.float32
    n, width = len(pool), min(k + 1 + SPARE_CANDIDATES, len(pool))
    values = np.zeros((n, width), dtype=np.int32)
    places = np.full((n, width), -1, dtype=np.int32)
    bound = _compare_all(unit, pool, kind, memory, values, places)
    found = _as_cosines(values, kind)
    slack = bound + _unit_roundoff(kind) * np.abs(found)
    # Only what could be among the k nearest is worth an exact cosine; the row itself never is.
    kth = np.argpartition(found, width - k - 1, axis=1)[:, width - k - 1, None]
    floor = np.take_along_axis(found - 2 * slack, kth, axis=1)
    wanted = (places >= 0) & (found >= floor)
    candidates = np.where(wanted, pool[places], pool[:, None])
    neighbours, cosines = rank(unit, pool, candidates, k)
    # The least that was kept; 0 where fewer were positive.
    hidden = found[:, 0] + slack[:, 0]
    unsure = np.flatnonzero(~(cosines[:, -1] > hidden))
    neighbours[unsure], cosines[unsure] = nearest(unit, pool, pool[unsure], k, memory)
    return neighbours, cosines


def nearest(
    unit: np.ndarray, pool: np.ndarray, rows: np.ndarray, k: int, memory: int
) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours int32 [len(rows), k] in `pool` and their cosines, every pair compared."""
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
        neighbours[start:stop], cosines[start:stop] = rank(unit, asked, candidates, k)
        # Duplicated vectors can tie beyond the spare candidates: then all that tie are ranked.
        floor = best.values[:, min(k, width - 1)] - ROUNDING
        crowded = ((products >= floor[:, None]).sum(1) > width).nonzero()[:, 0].tolist()
        for i in crowded:
            near = pool[(products[i] >= floor[i]).numpy()][None]
            row = slice(start + i, start + i + 1)
            neighbours[row], cosines[row] = rank(unit, asked[i : i + 1], near, k)
    return neighbours, cosines


def rank(
    unit: np.ndarray, rows: np.ndarray, candidates: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The k best of the candidates [n, c] of each row, without the row itself, by exact cosine."""
    cosines = np.empty(candidates.shape, dtype=np.float32)
    over_spans(len(rows), partial(cosines_of_rows, unit, rows, candidates, cosines))
    cosines[candidates == rows[:, None]] = -np.inf
    order = np.lexsort((candidates, -cosines), axis=1)[:, :k]
    return (
        np.take_along_axis(candidates, order, axis=1),
        np.take_along_axis(cosines, order, axis=1),
    )


@cache
def _faster_kind(width: int) -> torch.dtype:
    """The kind of number that this processor multiplies faster, tried on rows of that width."""
    rows = torch.ones((1_024, width))

    def seconds(kind: torch.dtype) -> float:
        typed = rows.to(kind)
        typed @ typed.T
        started = time.perf_counter()
        typed @ typed.T
        return time.perf_counter() - started

    return min((torch.float32, torch.bfloat16), key=seconds)


def _compare_all(
    unit: np.ndarray,
    pool: np.ndarray,
    kind: torch.dtype,
    memory: int,
    values: np.ndarray,
    places: np.ndarray,
) -> np.ndarray:
    """Fill the heaps [n, width] of the largest products; how far products are off, [n, 1].

    Products are kept as the integers of the same bits, which have the same order where positive.
    """
    bits = torch.int16 if kind == torch.bfloat16 else torch.int32
    least = np.zeros(len(pool), dtype=np.int16 if kind == torch.bfloat16 else np.int32)
    off = np.zeros((len(pool), 1))
    # A block of products and its two sides.
    block = math.isqrt(memory // kind.itemsize) // 2
    block = min(max(block, SMALLEST_BLOCK), LARGEST_BLOCK)
    exact = torch.from_numpy(unit if len(pool) == len(unit) else unit[pool])
    typed = exact.to(kind)
    room = torch.empty(block * block, dtype=kind)
    for i in range(0, len(pool), block):
        left = typed[i : i + block]
        error = exact[i : i + block] - left.float()
        off[i : i + block, 0] = torch.linalg.vector_norm(error, dim=1).numpy()
        for j in range(i, len(pool), block):
            right = typed[j : j + block]
            products = room[: len(left) * len(right)].view(len(left), len(right))
            torch.mm(left, right.T, out=products)
            seen = products.view(bits).numpy()
            mine, theirs = slice(i, i + len(left)), slice(j, j + len(right))
            kept = values[mine], places[mine], least[mine]
            over_spans(len(left), partial(_keep_rows, seen, j, *kept))
            if j > i:
                kept = values[theirs], places[theirs], least[theirs]
                # A narrow span would read little of every cache line.
                over_spans(len(right), partial(_keep_columns, seen, i, *kept), spans_per_thread=4)
    return off + off.max(initial=0.0) + ROUNDING


def _as_cosines(values: np.ndarray, kind: torch.dtype) -> np.ndarray:
    """The products float32 [n, width] that were kept as integers of the same bits."""
    return (values << 16 if kind == torch.bfloat16 else values).view(np.float32)


def _unit_roundoff(kind: torch.dtype) -> float:
    return torch.finfo(kind).eps / 2


@numba.njit(inline="always")
def _replace_least(values: np.ndarray, places: np.ndarray, value: int, place: int) -> None:
    """Put value and place in the stead of the root of a heap [width] whose root is the least."""
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
    """Whether one of the first CHUNK products is above the floor."""
    # Sixteen bits in a loop of known length run on whole vector registers.
    some = np.int16(0)
    for j in range(CHUNK):
        some |= np.int16(products[j] > floor)
    return some != 0


@numba.njit(cache=True)
def _any_above_own(products: np.ndarray, floors: np.ndarray) -> bool:
    """Whether one of the first CHUNK products is above its own floor."""
    some = np.int16(0)
    for j in range(CHUNK):
        some |= np.int16(products[j] > floors[j])
    return some != 0


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
    """Scan the rows from start to stop of products [m, c], whose first column is `column`."""
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
    """Scan the columns from start to stop of products [m, c], whose first row is `row`."""
    whole = start + (stop - start) // CHUNK * CHUNK
    for i in range(len(products)):
        mine = products[i]
        for first in range(start, stop, CHUNK):
            if first < whole and not _any_above_own(mine[first:], least[first:]):
                continue
            for j in range(first, min(first + CHUNK, stop)):
                if mine[j] > least[j]:
                    _replace_least(values[j], places[j], mine[j], row + i)
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
    """Cosines float32 [n, c] of rows [n] with candidates [n, c], for n from start to stop.

    Eight sums in float64, each of every eighth product, in the same order everywhere.
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
