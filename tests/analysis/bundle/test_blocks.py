"""Blocks against a plain loop over the items."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analysis.bundle.blocks import near_spans, spans_within

Counts = st.lists(st.integers(0, 9), max_size=12)


def plain(starts: list[int], ends: list[int], most: int, gap: int) -> list[tuple[int, int]]:
    """Add items to the open span, one after the other, as long as they may be read with it."""
    spans: list[tuple[int, int]] = []
    for i in range(len(ends)):
        first = spans[-1][0] if spans else 0
        fits = bool(spans) and ends[i] - starts[first] <= most
        if fits and starts[i] - ends[i - 1] < gap:
            spans[-1] = (first, i + 1)
        else:
            spans.append((i, i + 1))
    return spans


@given(counts=Counts, gaps=st.lists(st.integers(0, 6), min_size=12, max_size=12))
def test_near_spans_are_those_of_a_plain_loop(counts: list[int], gaps: list[int]) -> None:
    starts, ends, row = [], [], 0
    for count, gap in zip(counts, gaps, strict=False):
        starts.append(row + gap)
        ends.append(row + gap + count)
        row = ends[-1]
    for most, least_gap in ((0, 1), (7, 3), (8, 4), (100, 5), (9, 100)):
        given_arrays = np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64)
        spans = list(near_spans(*given_arrays, most, least_gap))
        assert spans == plain(starts, ends, most, least_gap)


@given(counts=Counts)
def test_spans_cover_every_item_once(counts: list[int]) -> None:
    spans = list(spans_within(np.array(counts, dtype=np.int64), 10))
    assert [i for start, stop in spans for i in range(start, stop)] == list(range(len(counts)))
    for start, stop in spans:
        assert sum(counts[start:stop]) <= 10 or stop == start + 1


def test_spans_reach_the_bound_or_hold_one_item() -> None:
    counts = np.array([5, 0, 3, 20, 1, 1, 8, 0])
    assert list(spans_within(counts, 8)) == [(0, 3), (3, 4), (4, 6), (6, 8)]
    assert list(spans_within(counts, 7)) == [(0, 2), (2, 3), (3, 4), (4, 6), (6, 7), (7, 8)]
    assert list(spans_within(counts[:0], 8)) == []


def test_spans_of_costs_that_are_no_whole_numbers() -> None:
    assert list(spans_within(np.array([0.5, 0.25, 0.5]), 0.75)) == [(0, 2), (2, 3)]
