"""Run a part of a test on a given number of threads.

`tests/conftest.py` gives numba a pool of four threads on any machine, so results for one to four
threads can be compared on a single core too: numba then splits the work differently.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numba
import torch
from threadpoolctl import threadpool_limits

COUNTS = (1, 2, 3, 4)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """`count` threads of numba, torch and BLAS."""
    before = numba.get_num_threads(), torch.get_num_threads()
    numba.set_num_threads(count)
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count):
            yield
    finally:
        numba.set_num_threads(before[0])
        torch.set_num_threads(before[1])
