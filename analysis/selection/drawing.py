"""From shapes drawn on a map to the parts of a selection, with numbers that fit in a link."""

import math
from collections.abc import Sequence
from urllib.parse import quote_plus

from analysis.decoder.map_verdict import MapName
from analysis.runtime.errors import InputError
from analysis.selection.grammar import FEWEST_CORNERS, MOST_CORNERS, Box, Lasso

LONGEST_IN_LINK = 2_000
"""Bytes of a drawn shape in a link, where a comma and a parenthesis take three bytes each."""
FINEST = 2_000
"""Steps along the longer side of a shape; a screen has fewer pixels."""
_MOST_DECIMALS = 12

Point = tuple[float, float]


def drawn_box(x0: float, x1: float, y0: float, y1: float, on_map: MapName = "decoder") -> Box:
    """The box between two corners, with edges rounded to 1 / FINEST of its longer side.

    Raises InputError if an edge is not finite.
    """
    _check_finite(x0, x1, y0, y1)
    decimals = _decimals(max(abs(x1 - x0), abs(y1 - y0)))
    left, right, bottom, top = (round(edge, decimals) for edge in (x0, x1, y0, y1))
    return Box(min(left, right), max(left, right), min(bottom, top), max(bottom, top), on_map)


def drawn_lasso(points: Sequence[Point], on_map: MapName = "decoder") -> Lasso:
    """The lasso with these corners (x, y), rounded to 1 / FINEST of its longer side.

    Corners that become equal to the one before are left out, and if the text would otherwise have
    more than LONGEST_IN_LINK bytes in a link, those that change the outline least. Raises
    InputError if fewer than three corners remain, if there are more than MOST_CORNERS, or if one is
    not finite.
    """
    _check_finite(*(number for point in points for number in point))
    sides = [max(axis) - min(axis) for axis in zip(*points, strict=True)] or [0.0]
    corners = _rounded(points, _decimals(max(sides)))
    if not FEWEST_CORNERS <= len(corners) <= MOST_CORNERS:
        raise InputError(
            f"Selection: a lasso has {FEWEST_CORNERS} to {MOST_CORNERS} corners, this one has "
            f"{len(corners):,}; draw it again."
        )
    lasso = Lasso(tuple(corners), on_map)
    while len(quote_plus(str(lasso))) > LONGEST_IN_LINK and len(corners) > FEWEST_CORNERS:
        corners.pop(_least_telling(corners))
        lasso = Lasso(tuple(corners), on_map)
    return lasso


def _check_finite(*numbers: float) -> None:
    if not all(map(math.isfinite, numbers)):
        raise InputError("Selection: a drawn shape has a corner that is not finite; draw it again.")


def _decimals(side: float) -> int:
    """The decimals that tell FINEST steps along a side apart; 4 for a side without a length."""
    decimals = 0
    while side * 10**decimals < FINEST and decimals < _MOST_DECIMALS:
        decimals += 1
    return decimals if side > 0 else 4


def _rounded(points: Sequence[Point], decimals: int) -> list[Point]:
    """The corners with this many decimals, without those equal to the one before."""
    rounded = [(round(x, decimals) + 0.0, round(y, decimals) + 0.0) for x, y in points]
    return [point for index, point in enumerate(rounded) if point != rounded[index - 1]]


def _least_telling(corners: Sequence[Point]) -> int:
    """The corner that forms the smallest triangle with its neighbours (Visvalingam's rule)."""

    def doubled_area(index: int) -> float:
        (x0, y0), (x1, y1), (x2, y2) = (
            corners[index - 1],
            corners[index],
            corners[(index + 1) % len(corners)],
        )
        return abs((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0))

    return min(range(len(corners)), key=doubled_area)
