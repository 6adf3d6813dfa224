"""Cut long arrays into blocks that fit a memory setting."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.runtime.arrays import Floats, Ints


def spans_within(counts: Ints | Floats, most: float) -> Iterator[tuple[int, int]]:
    """Yield ranges (start, stop) of items whose counts [n] sum to at most `most`, or one item."""
    ends: npt.NDArray[Any] = np.cumsum(counts)
    return near_spans(ends - counts, ends, most, gap=np.inf)


def near_spans(
    starts: npt.NDArray[Any], ends: npt.NDArray[Any], most: float, gap: float
) -> Iterator[tuple[int, int]]:
    """Yield ranges (start, stop) of consecutive items that are read together.

    Item i has the rows starts[i] .. ends[i] - 1 of a file; both arrays [n] ascend. A range covers
    at most `most` rows, unless it has one item, and fewer than `gap` rows separate two of its
    items.
    """
    gaps = np.flatnonzero(starts[1:] - ends[:-1] >= gap) + 1
    start = 0
    for bound in [*gaps.tolist(), len(ends)]:
        while start < bound:
            stop = int(np.searchsorted(ends[:bound], starts[start] + most, side="right"))
            stop = max(stop, start + 1)
            yield start, stop
            start = stop
