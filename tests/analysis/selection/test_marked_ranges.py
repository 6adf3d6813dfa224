"""Marks of ranges, against a loop over the ranges."""

import numpy as np
import pytest

from analysis.selection import marked_ranges
from analysis.selection.marked_ranges import mark_ranges


@pytest.mark.parametrize("at_once", [3, 1 << 16])
def test_ranges_mark_what_they_hold(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(marked_ranges, "_AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    shares = set()
    for _ in range(200):
        values = rng.integers(0, 30, rng.integers(1, 60)).astype(np.int32)
        edges = np.sort(rng.integers(0, len(values) + 1, 2 * rng.integers(0, 6)))
        starts, stops = edges[::2], edges[1::2]
        expected, mask = np.zeros((2, 30), dtype=bool)
        for start, stop in zip(starts, stops, strict=True):
            expected[values[start:stop]] = True
        mark_ranges(mask, values, starts, stops)
        assert mask.tolist() == expected.tolist(), (values, edges)
        shares.add(bool((stops - starts).sum() < marked_ranges._FEW * len(values)))
    assert shares == {True, False}


def test_a_mask_keeps_what_is_marked() -> None:
    mask = np.array([True, False, False])
    mark_ranges(mask, np.array([2, 1], dtype=np.int32), np.array([0]), np.array([1]))
    assert mask.tolist() == [True, False, True]
