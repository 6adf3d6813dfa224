"""The nearest rows by cosine, by comparing every pair once.

Candidates come from matrix products of rounded rows, in blocks that are scanned for both of their
sides; they are then ranked by a cosine that is added up in float64 in a fixed order. A row keeps
more candidates than it needs; where the rounding could hide a nearer one even so, the row is
compared with all others again, in float32. So neither the kind of product, the block size nor the
number of threads changes a byte.

How far a product of unit rows x, y is off that were rounded to x + e and y + f: for float32 and
bfloat16, which some processors multiply twice as fast, at most |e| + |f| and a little, by Cauchy
and Schwarz, plus the rounding of the product itself. For int8, twice as fast again, that bound
would be of no use; there the errors are taken to be independent, and eight of their standard
deviations to be enough. So int8 is exact only in all likelihood, and its recall should be measured.
"""

import math
import time
from dataclasses import dataclass
from functools import cache, partial

import numba
import numpy as np
import torch

from analysis.runtime.threads import over_spans

SMALLEST_BLOCK = 64
LARGEST_BLOCK = 2_048
"""Rows of a block of products, however little or much memory is given."""

SPARE_CANDIDATES = 32
"""Candidates beyond k. In 768 isotropic dimensions no row of 65,536 then needs a second look, with
any kind of product."""

ROUNDING = 2e-6
"""More than a float32 product of unit vectors is ever wrong by."""

DEVIATIONS = 8
"""Standard deviations by which products of int8 are taken to be off at most."""

WORTH_ROUNDING = 4_096
"""Rows from which on it pays to find out which product is faster."""

TRIALS = 8
"""Products that are timed: with other work beside them, the quickest is still about right."""

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
        kind = fastest_exact(unit.shape[1]) if len(pool) >= WORTH_ROUNDING else torch.float32
    products, places, off = _largest_products(unit, pool, k, memory, kind)
    # Only what could be among the k nearest is worth an exact cosine; the row itself never is.
    last = products.shape[1] - k - 1
    kth = np.argpartition(products, last, axis=1)[:, last, None]
    # Both products may be off: in opposite ways at worst, or independently.
    both = math.sqrt(2) if kind == torch.int8 else 2
    floor = np.take_along_axis(products - both * off, kth, axis=1)
    wanted = (places >= 0) & (products >= floor)
    candidates = np.where(wanted, pool[places], pool[:, None])
    neighbours, cosines = rank(unit, pool, candidates, k)
    # The first of a heap is the least that was kept; 0 where fewer were positive.
    unsure = np.flatnonzero(~(cosines[:, -1] > products[:, 0] + off[:, 0]))
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


def fastest_exact(width: int) -> torch.dtype:
    """The kind of number with a known bound that this processor multiplies fastest."""
    return min((torch.float32, torch.bfloat16), key=lambda kind: _seconds(kind, width))


def is_int8_fast(width: int) -> bool:
    """Whether this processor multiplies int8 faster than float32; some do so one by one."""
    return _seconds(torch.int8, width) < _seconds(torch.float32, width)


@cache
def _seconds(kind: torch.dtype, width: int) -> float:
    """Seconds of a small product of rows of that width, the quickest of several."""
    rows, room = torch.ones((512, width), dtype=kind), torch.empty(512 * 512, dtype=_RESULT[kind])
    taken = []
    for _ in range(TRIALS):
        started = time.perf_counter()
        _multiply(rows, rows, room)
        taken.append(time.perf_counter() - started)
    return min(taken)


_RESULT = {torch.float32: torch.float32, torch.bfloat16: torch.bfloat16, torch.int8: torch.int32}
_BITS = {torch.float32: torch.int32, torch.bfloat16: torch.int16, torch.int8: torch.int32}


def _multiply(left: torch.Tensor, right: torch.Tensor, room: torch.Tensor) -> torch.Tensor:
    """Products [m, c] of the rows of left [m, d] and right [c, d], in the room."""
    products = room[: len(left) * len(right)].view(len(left), len(right))
    if left.dtype == torch.int8:
        # Not public, but the only product of int8 on a processor; torch is pinned.
        return torch._int_mm(left, right.T, out=products)
    return torch.mm(left, right.T, out=products)


@dataclass(frozen=True)
class _Rounded:
    """Unit rows as another kind of number."""

    rows: torch.Tensor
    """[n, d]"""
    step: float
    """Length of 1 in those numbers."""
    off: np.ndarray
    """float32 [n, 1], how far the products of each row may be off, before they are rounded"""


def _rounded(exact: torch.Tensor, kind: torch.dtype) -> _Rounded:
    """The rows [n, d] of length 1 as numbers of that kind."""
    step = float(exact.abs().max()) / 127 if kind == torch.int8 else 1.0
    rows = torch.empty(exact.shape, dtype=kind)
    error = torch.empty(len(exact))
    for i in range(0, len(exact), LARGEST_BLOCK):
        block = exact[i : i + LARGEST_BLOCK]
        scaled = block if kind != torch.int8 else (block / step).round()
        rows[i : i + len(block)] = scaled.to(kind)
        lost = block - step * rows[i : i + len(block)].float()
        error[i : i + len(block)] = torch.linalg.vector_norm(lost, dim=1)
    if kind == torch.int8:
        # An error of that length, in any direction of so many, along a vector of length 1.
        error *= DEVIATIONS / math.sqrt(exact.shape[1])
        return _Rounded(rows, step, (error**2 + error.max() ** 2).sqrt().numpy()[:, None])
    return _Rounded(rows, step, (error + error.max() + ROUNDING).numpy()[:, None])


def _largest_products(
    unit: np.ndarray, pool: np.ndarray, k: int, memory: int, kind: torch.dtype
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Heaps [n, width] of the largest products of each row, of whom, and how far they may be off.

    Products are compared as the integers of the same bits, which have the same order from 0 on.
    """
    exact = torch.from_numpy(unit if len(pool) == len(unit) else unit[pool])
    rounded = _rounded(exact, kind)
    n, width = len(pool), min(k + 1 + SPARE_CANDIDATES, len(pool))
    values = np.zeros((n, width), dtype=np.int32)
    places = np.full((n, width), -1, dtype=np.int32)
    least = torch.zeros(n, dtype=_BITS[kind]).numpy()
    # A block of products and its two sides.
    block = math.isqrt(memory // _RESULT[kind].itemsize) // 2
    block = min(max(block, SMALLEST_BLOCK), LARGEST_BLOCK)
    room = torch.empty(block * block, dtype=_RESULT[kind])
    # Blocks on the diagonal first: their rows, which are together in memory, fill the heaps.
    for apart in range(0, n, block):
        for i in range(0, n - apart, block):
            j = i + apart
            left, right = rounded.rows[i : i + block], rounded.rows[j : j + block]
            products = _multiply(left, right, room).view(_BITS[kind]).numpy()
            mine, theirs = slice(i, i + len(left)), slice(j, j + len(right))
            kept = values[mine], places[mine], least[mine]
            over_spans(len(left), partial(_keep_rows, products, j, *kept))
            if j > i:
                kept = values[theirs], places[theirs], least[theirs]
                work = partial(_keep_columns, products, i, *kept)
                # A narrow span would read little of every cache line.
                over_spans(len(right), work, spans_per_thread=1)
    if kind == torch.int8:
        return (values * np.float32(rounded.step**2)), places, rounded.off
    found = (values << 16 if kind == torch.bfloat16 else values).view(np.float32)
    return found, places, rounded.off + torch.finfo(kind).eps / 2 * np.abs(found)


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
