"""Spans cover every item once and run on several threads, also on a machine with one core."""

import threading
from collections.abc import Iterator

import numba
import numpy as np
import pytest

from analysis.runtime.threads import over_spans


@pytest.fixture(params=[1, 2, 4])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = numba.get_num_threads()
    numba.set_num_threads(request.param)
    yield request.param
    numba.set_num_threads(before)


@pytest.mark.parametrize("items", [0, 1, 3, 63, 64, 65, 1000])
@pytest.mark.parametrize("spans_per_thread", [1, 16])
def test_every_item_is_covered_once(threads: int, items: int, spans_per_thread: int) -> None:
    counts = np.zeros(items, dtype=np.int64)
    spans: list[tuple[int, int]] = []

    def work(start: int, stop: int) -> None:
        spans.append((start, stop))
        counts[start:stop] += 1

    over_spans(items, work, spans_per_thread=spans_per_thread)
    assert (counts == 1).all()
    assert all(start < stop <= items for start, stop in spans)
    assert len(spans) <= threads * spans_per_thread


def test_there_are_as_many_threads_as_numba_has(threads: int) -> None:
    """Each span waits until every thread has one."""
    names: set[int] = set()
    meeting = threading.Barrier(threads, timeout=10)

    def work(start: int, stop: int) -> None:
        meeting.wait()
        names.add(threading.get_ident())

    over_spans(threads, work, spans_per_thread=1)
    assert len(names) == threads
    assert threading.get_ident() in names


def test_an_error_in_any_span_is_raised(threads: int) -> None:
    def work(start: int, stop: int) -> None:
        if start <= 77 < stop:
            raise ZeroDivisionError("in a span")

    with pytest.raises(ZeroDivisionError, match="in a span"):
        over_spans(100, work)


def test_each_thread_has_sixteen_spans_by_default(threads: int) -> None:
    spans: list[tuple[int, int]] = []
    over_spans(threads * 16 * 5, lambda start, stop: spans.append((start, stop)))
    assert len(spans) == threads * 16
