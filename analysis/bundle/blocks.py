"""Cut long arrays into blocks that fit a memory setting."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.runtime.arrays import Floats, Ints


def spans_within(counts: Ints | Floats, most: float) -> Iterator[tuple[int, int]]:
    """Consecutive items (start, stop) whose counts [n] add up to at most `most`, or one item."""
    ends: npt.NDArray[Any] = np.cumsum(counts)
    return near_spans(ends - counts, ends, most, hole=np.inf)


def near_spans(
    starts: npt.NDArray[Any], ends: npt.NDArray[Any], most: float, hole: float
) -> Iterator[tuple[int, int]]:
    """Consecutive items (start, stop) that are read together.

    Item i owns the rows starts[i] .. ends[i] - 1 of a file; both arrays [n] ascend. From the first
    row of a span to its last are at most `most` rows, unless it is one item, and fewer than `hole`
    rows lie between two of its items.
    """
    holes = np.flatnonzero(starts[1:] - ends[:-1] >= hole) + 1
    start = 0
    for bound in [*holes.tolist(), len(ends)]:
        while start < bound:
            stop = int(np.searchsorted(ends[:bound], starts[start] + most, side="right"))
            stop = max(stop, start + 1)
            yield start, stop
            start = stop
