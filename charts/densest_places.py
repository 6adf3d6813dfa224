"""Where on a map a group of points is densest: the place for its name."""

import numpy as np
import numpy.typing as npt

from analysis.runtime.arrays import Int32s

MOST_POINTS = 400
"""Points of a group that are compared with each other; of more, every k-th."""
CORE = 0.2
"""Share of a group that counts as its densest part."""

Floats = npt.NDArray[np.float64]


def densest_places(places: Floats, group: Int32s, ids: npt.NDArray[np.int64]) -> Floats:
    """The centre [ids, 2] of the densest part of each group of points; NaN for an empty group.

    `places` [n, 2] may be NaN; `group` [n] is the group of each point. The densest part of m points
    is the smallest disc around one of them that holds a fifth of them (Loftsgaarden and Quesenberry
    1965: the k-nearest-neighbour estimate of density); its centre is their mean.
    """
    on_map = np.flatnonzero(np.isfinite(places).all(axis=1) & (group >= 0))
    order = on_map[np.argsort(group[on_map], kind="stable")]
    starts, ends = (np.searchsorted(group[order], ids, side=side) for side in ("left", "right"))
    centres = np.full((len(ids), 2), np.nan)
    for i, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        if end > start:
            centres[i] = _densest(places[order[start:end]])
    return centres


def _densest(points: Floats) -> Floats:
    """The mean [2] of the densest part of points [m, 2]."""
    points = points[:: -(-len(points) // MOST_POINTS)]
    core = max(2, int(np.ceil(CORE * len(points))))
    if len(points) <= core:
        return np.asarray(points.mean(axis=0))
    gaps = points[:, None] - points
    squares = np.einsum("ijk,ijk->ij", gaps, gaps)
    nearest = np.argpartition(squares, core - 1, axis=1)[:, :core]
    radius = np.take_along_axis(squares, nearest, axis=1).max(axis=1)
    return np.asarray(points[nearest[radius.argmin()]].mean(axis=0))
