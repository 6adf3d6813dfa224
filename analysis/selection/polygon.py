"""Which points are inside a polygon."""

import numpy as np

from analysis.runtime.arrays import Bools, Floats

_AT_ONCE = 8_192
"""Points; what is computed for them fits in the cache of a core."""


def inside_polygon(x: Floats, y: Floats, corners: Floats) -> Bools:
    """Which points are inside the closed polygon with the given corners [n, 2]: a mask [points].

    A point is inside if a ray from it in the direction of x crosses the outline an odd number of
    times (the even-odd rule), so an outline that crosses itself encloses no area that it winds
    around twice. A point whose x or y is NaN is outside. Points exactly on the outline are inside
    or outside depending on the side, so that polygons that share an edge share no point.

    The y of the corners cut the plane into bands. Only the edges that cross a band are compared
    with its points: time is points × mean number of crossed edges.
    """
    starts, ends = corners, np.roll(corners, -1, axis=0)
    mask = np.zeros(len(x), dtype=np.bool_)
    low, high = corners.min(axis=0), corners.max(axis=0)
    near = np.flatnonzero((x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y < high[1]))
    levels = np.unique(corners[:, 1])
    band = (np.searchsorted(levels, y[near], side="right") - 1).astype(np.uint16)
    order = np.argsort(band, kind="stable")  # a radix sort, because the codes have 16 bits
    near = near[order]
    bounds = np.searchsorted(band[order], np.arange(len(levels)))
    bottom, top = np.minimum(starts[:, 1], ends[:, 1]), np.maximum(starts[:, 1], ends[:, 1])
    with np.errstate(all="ignore"):  # horizontal edges, which cross no band
        slopes = (ends[:, 0] - starts[:, 0]) / (ends[:, 1] - starts[:, 1])
    for index in range(len(levels) - 1):
        crossing = (bottom <= levels[index]) & (top >= levels[index + 1])
        for first in range(bounds[index], bounds[index + 1], _AT_ONCE):
            points = near[first : min(first + _AT_ONCE, bounds[index + 1])]
            mask[points] = _odd_crossings(x[points], y[points], starts[crossing], slopes[crossing])
    return mask


def _odd_crossings(x: Floats, y: Floats, starts: Floats, slopes: Floats) -> Bools:
    """Whether an odd number of the edges is to the right of each point; all cross its band."""
    odd, edge_is_right = np.zeros((2, len(x)), dtype=np.bool_)
    edge_x = np.empty_like(x)
    with np.errstate(all="ignore"):  # corners near the largest float
        for (start_x, start_y), slope in zip(starts, slopes, strict=True):
            np.subtract(y, start_y, out=edge_x)
            edge_x *= slope
            edge_x += start_x
            np.less(x, edge_x, out=edge_is_right)
            odd ^= edge_is_right
    return odd
