"""Run a compiled kernel over spans of its output on several threads.

A kernel that releases the GIL and writes only to its own span gives the same bytes for any number
of threads. Compared with numba's prange, this compiles several times faster and balances uneven
spans better.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numba

SPANS_PER_THREAD = 16


def over_spans(
    items: int, work: Callable[[int, int], None], *, spans_per_thread: int = SPANS_PER_THREAD
) -> None:
    """Call work(start, stop) for spans that cover range(items), on numba.get_num_threads() threads.

    `work` must not call this function. Use few spans per thread for short and even work.
    """
    threads = numba.get_num_threads()
    size = max(1, -(-items // (threads * spans_per_thread)))
    # Advancing a list iterator is atomic, so each span is taken by one thread.
    spans = iter([(start, min(start + size, items)) for start in range(0, items, size)])
    others = [_pool(threads).submit(_take, spans, work) for _ in range(1, min(threads, items))]
    try:
        _take(spans, work)
    finally:
        for done in others:
            done.result()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """The threads other than the caller's; kept, because starting them takes longer than a span."""
    return ThreadPoolExecutor(threads - 1, thread_name_prefix="spans")


def _take(spans: Iterator[tuple[int, int]], work: Callable[[int, int], None]) -> None:
    for span in spans:
        work(*span)
