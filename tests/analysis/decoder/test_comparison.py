"""Heaps of the largest products against sorted products, and the blocks that are compared."""

from collections import Counter

import numpy as np
import pytest
import torch

from analysis.decoder.comparison import Heaps, blocks, compare, number_of_blocks
from analysis.decoder.products import rounded_rows
from analysis.decoder.vectors import unit_rows
from analysis.runtime.progress import Progress

DTYPES = [torch.float32, torch.bfloat16, torch.int8]


@pytest.mark.parametrize(
    ("rows", "pool", "block"),
    [(10, 10, 3), (9, 9, 3), (11, 7, 3), (13, 4, 4), (5, 5, 9), (3, 2, 1)],
)
def test_every_pair_is_in_one_block(rows: int, pool: int, block: int) -> None:
    every = list(blocks(rows, pool, block))
    assert len(every) == number_of_blocks(rows, pool, block)
    pairs: Counter[tuple[int, int]] = Counter()
    for upper, lower in every:
        within = upper == lower
        assert within or upper.start >= pool or upper.stop <= lower.start
        for a in range(upper.start, upper.stop):
            for b in range(lower.start, lower.stop):
                if not within or a < b:
                    pairs[a, b] += 1
    inside = {(a, b) for a in range(pool) for b in range(a + 1, pool)}
    outside = {(a, b) for a in range(pool, rows) for b in range(pool)}
    assert pairs == Counter(inside | outside)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_heaps_hold_the_largest_products(dtype: torch.dtype) -> None:
    unit = unit_rows(np.random.default_rng(0).standard_normal((300, 40), dtype=np.float32))
    pool, width = 260, 20
    reports: list[tuple[int, int]] = []
    progress = Progress("", lambda name, *reported: reports.append(reported))
    heaps = Heaps.empty(300, width, dtype, 1)
    saved: list[int] = []
    largest = compare(unit, pool, heaps, lambda now: saved.append(now.done), progress)
    rounded = rounded_rows(torch.from_numpy(unit), dtype)
    rows = rounded.step * rounded.rows.double()
    truth = -np.sort(-np.asarray(rows @ rows[:pool].T), axis=1)[:, :width]
    tolerance = {torch.float32: 1e-6, torch.bfloat16: 4e-3, torch.int8: 1e-6}[dtype]
    np.testing.assert_allclose(-np.sort(-largest.values, axis=1), truth, atol=tolerance)
    own = np.take_along_axis(np.asarray(rows @ rows[:pool].T), largest.places, axis=1)
    np.testing.assert_allclose(largest.values, own, atol=tolerance)
    assert reports == [(done, 20) for done in range(21)]  # 5 x 6 / 2 blocks, and 5 of the others
    assert saved == list(range(1, 21)) and heaps.done == 20


def test_memory_bounds_a_block_and_its_copy() -> None:
    sizes = [Heaps.empty(1, 1, dtype, 1 << 24).block for dtype in DTYPES]
    assert sizes == [1_024, 1_448, 1_024]
    assert [Heaps.empty(1, 1, torch.int8, memory).block for memory in (1, 1 << 40)] == [64, 2_048]
