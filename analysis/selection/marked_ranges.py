"""Set a mask at the values in ranges of a long list."""

import numpy as np

from analysis.runtime.arrays import Bools, Int32s, Ints

_FEW = 0.15
"""Below this share of the list, the places are listed; above it, they are masked."""
_AT_ONCE = 1 << 16
"""Values that fit in the cache of a core."""


def mark_ranges(mask: Bools, values: Int32s, starts: Ints | Int32s, stops: Ints | Int32s) -> None:
    """Set the mask at the values from each start to its stop.

    The ranges ascend and do not overlap.
    """
    lengths = (stops - starts).astype(np.int64)
    total = int(lengths.sum())
    if total < _FEW * len(values):
        moved = starts - (np.cumsum(lengths) - lengths)
        mask[values[np.repeat(moved, lengths) + np.arange(total)]] = True
        return
    inside = _inside(starts, lengths, len(values))
    for first in range(0, len(values), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        mask[values[some][inside[some]]] = True


def _inside(starts: Ints | Int32s, lengths: Ints, total: int) -> Bools:
    """Which places [total] are in a range."""
    runs = np.zeros(2 * len(starts) + 1, dtype=np.int64)
    runs[1::2] = lengths
    ends = starts + lengths
    runs[0:-1:2] = starts - np.concatenate([[0], ends[:-1]])
    runs[-1] = total - ends[-1]
    kinds = np.zeros(len(runs), dtype=bool)
    kinds[1::2] = True
    return np.repeat(kinds, runs)
