"""The points inside a polygon, against a plain loop over its edges and known shapes."""

import math

import numpy as np
import pytest

from analysis.selection.polygon import inside_polygon


def _crossings(x: float, y: float, corners: list[tuple[float, float]]) -> int:
    """Edges that a ray from (x, y) to the right crosses."""
    count = 0
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        if (y0 > y) != (y1 > y):
            count += x < x0 + (y - y0) / (y1 - y0) * (x1 - x0)
    return count


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("corners", [3, 4, 11, 100])
def test_random_polygons_equal_a_loop_over_the_edges(seed: int, corners: int) -> None:
    rng = np.random.default_rng(seed)
    outline = rng.uniform(-1, 1, (corners, 2))
    if seed % 2:
        outline = outline.round(1)  # repeated corners and horizontal edges
    x, y = rng.uniform(-1.2, 1.2, (2, 400)) + 0.003
    expected = [
        _crossings(a, b, [tuple(corner) for corner in outline.tolist()]) % 2 == 1
        for a, b in zip(x, y, strict=True)
    ]
    assert inside_polygon(x, y, outline).tolist() == expected
    assert 0 < sum(expected) < 400


def test_a_star_that_winds_twice_around_its_middle_leaves_the_middle_out() -> None:
    turns = 4 * np.pi * np.arange(5) / 5
    star = np.stack([np.sin(turns), np.cos(turns)], axis=1)
    x, y = np.array([0.0, 0.0, 0.5]), np.array([0.0, 0.6, 0.9])
    assert inside_polygon(x, y, star).tolist() == [False, True, False]


def test_the_area_of_a_circle() -> None:
    turns = 2 * np.pi * np.arange(100) / 100
    circle = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    side = np.linspace(-1.1, 1.1, 301)
    x, y = (axis.ravel() for axis in np.meshgrid(side, side))
    mask = inside_polygon(x, y, circle)
    assert mask.sum() * (side[1] - side[0]) ** 2 == pytest.approx(math.pi, rel=0.01)


def test_more_points_than_are_computed_at_once() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1, 1, (2, 30_000))
    diamond = np.array([(0, -1), (1, 0), (0, 1), (-1, 0)], dtype=float)
    assert (inside_polygon(x, y, diamond) == (abs(x) + abs(y) < 1)).all()


def test_polygons_that_share_an_edge_share_no_point_and_leave_none_out() -> None:
    x = np.array([0.0, 0.5, 0.5, 1.0])
    y = np.array([0.5, 0.0, 0.5, 0.5])
    left = np.array([(-1, -1), (0.5, -1), (0.5, 1), (-1, 1)], dtype=float)
    right = np.array([(0.5, -1), (2, -1), (2, 1), (0.5, 1)], dtype=float)
    inside = [inside_polygon(x, y, shape).astype(int) for shape in (left, right)]
    assert (inside[0] + inside[1]).tolist() == [1, 1, 1, 1]


def test_missing_coordinates_and_flat_or_endless_polygons() -> None:
    x, y = np.array([0.0, np.nan, 0.0]), np.array([0.0, 0.0, np.nan])
    square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], dtype=float)
    assert inside_polygon(x, y, square).tolist() == [True, False, False]
    assert inside_polygon(x, y, square * 1e308).tolist() == [True, False, False]
    assert not inside_polygon(x, y, square * (1, 0)).any()
    assert not inside_polygon(np.empty(0), np.empty(0), square).any()
