"""Prefetching changes no value, compiled or not."""

import os
import subprocess
import sys

import numba
import numpy as np
import pytest

from analysis.cooccurrence.prefetch import prefetch

PLAIN = """
import numpy as np
from analysis.cooccurrence.prefetch import prefetch
assert prefetch(np.arange(3), 1) is None
"""


@numba.njit
def total(values: np.ndarray) -> int:
    whole = 0
    for i in range(len(values)):
        prefetch(values, i + 8)  # up to eight past the end
        whole += values[i]
    return whole


@pytest.mark.parametrize("length", [0, 1, 1_000])
def test_a_sum_with_prefetching_is_the_sum(length: int) -> None:
    values = np.arange(length)
    assert total(values) == values.sum()


def test_prefetching_works_without_compilation() -> None:
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    subprocess.run([sys.executable, "-c", PLAIN], env=environment, check=True)
