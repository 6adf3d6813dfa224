"""Drawn shapes are rounded to less than a pixel and to what fits in a link."""

import math
import random
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.runtime.errors import InputError
from analysis.selection import Box, Lasso, drawn_box, drawn_lasso, parse

PIXELS = 1_000
"""Along the longer side of a shape."""


def _circle(corners: int, radius: float, x: float, y: float) -> list[tuple[float, float]]:
    turns = [2 * math.pi * index / corners for index in range(corners)]
    return [(x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns]


@pytest.mark.parametrize("radius", [0.7, 10, 30, 2_000])
@pytest.mark.parametrize("on_map", ["decoder", "cooccurrence"])
def test_the_largest_lasso_fits_in_a_link_and_is_within_a_pixel(radius: float, on_map: str) -> None:
    drawn = _circle(100, radius, -radius / 3, 17.3)
    lasso = drawn_lasso(drawn, "decoder" if on_map == "decoder" else "cooccurrence")
    assert len(quote_plus(f"select={lasso}")) <= 2_048
    assert parse(str(lasso)) == lasso
    assert lasso.map == on_map
    assert len(lasso.points) == 100
    moved = max(math.dist(a, b) for a, b in zip(drawn, lasso.points, strict=True))
    assert moved < 2 * radius / PIXELS


@given(
    st.tuples(*[st.floats(-1e9, 1e9)] * 4),
    st.sampled_from(["decoder", "cooccurrence"]),
)
def test_a_box_has_at_most_200_bytes_and_its_edges_are_within_a_pixel(
    edges: tuple[float, float, float, float], on_map: str
) -> None:
    x0, x1, y0, y1 = edges
    box = drawn_box(x0, x1, y0, y1, "decoder" if on_map == "decoder" else "cooccurrence")
    assert len(quote_plus(f"select={box}")) <= 200
    assert parse(str(box)) == box
    side = max(abs(x1 - x0), abs(y1 - y0))
    shown = (box.x0, box.x1, box.y0, box.y1)
    side = max(side, 1e-7) if side else 0.1
    exact = (*sorted((x0, x1)), *sorted((y0, y1)))
    assert all(abs(a - b) <= side / PIXELS for a, b in zip(shown, exact, strict=True))


def test_a_box_is_rounded_by_its_size() -> None:
    assert drawn_box(2.123456, -1.5, 0, 3.25) == Box(-1.5, 2.123, 0, 3.25)
    assert drawn_box(2.123456, 2.123999, 0, 0.0001) == Box(2.123456, 2.123999, 0, 0.0001)
    assert drawn_box(1.23456, 1.23456, 0, 0) == Box(1.2346, 1.2346, 0, 0)


def test_repeated_corners_are_left_out() -> None:
    corners = [(0, 0), (0, 0), (4, 0), (4.00001, 0), (4, 4), (0.00001, 0)]
    assert drawn_lasso(corners) == Lasso(((4, 0), (4, 4), (0, 0)))


def test_zero_has_no_sign() -> None:
    assert str(drawn_lasso([(-1e-9, 0), (1, -0.0), (1, 1)])) == "lasso(0,0,1,0,1,1)"


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([], "3 to 100 corners, this one has 0; draw it again"),
        ([(0, 0), (1, 1)], "this one has 2"),
        ([(1, 1)] * 9, "this one has 0"),
        (_circle(101, 3, 0, 0), "this one has 101"),
        ([(0, 0), (1, math.nan), (2, 2)], "a corner that is not finite"),
    ],
)
def test_shapes_that_are_no_lasso(points: list[tuple[float, float]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        drawn_lasso(points)


def test_a_box_is_finite() -> None:
    with pytest.raises(InputError, match="a corner that is not finite"):
        drawn_box(0, math.inf, 0, 1)


def test_a_random_lasso_keeps_its_order() -> None:
    draw = random.Random(0)
    points = [(draw.uniform(-9, 9), draw.uniform(-9, 9)) for _ in range(40)]
    assert drawn_lasso(points).points == tuple((round(x, 3), round(y, 3)) for x, y in points)


@pytest.mark.parametrize("radius", [0.0005, 0.03])
def test_a_lasso_that_is_too_long_loses_the_corners_that_matter_least(radius: float) -> None:
    square = [(-17.0 - radius, 17.0), (-17.0, 17.0), (-17.0, 17.0 - radius)]
    drawn = [*_circle(97, radius, -17.0 - 4 * radius, 17.0), *square]
    lasso = drawn_lasso(drawn)
    assert 1_900 < len(quote_plus(str(lasso))) <= 2_000
    assert 60 < len(lasso.points) < 100
    assert len(quote_plus(f"select={lasso}")) <= 2_048
    for x, y in square:
        assert min(math.dist((x, y), corner) for corner in lasso.points) < radius / 100


@pytest.mark.parametrize(("side", "edge"), [(2.0, 0.123), (1.99, 0.1235)])
def test_a_shape_has_two_thousand_steps_along_its_side(side: float, edge: float) -> None:
    assert drawn_box(0, side, 0, 0.12346).y1 == edge


def test_a_tiny_shape_has_twelve_decimals() -> None:
    assert drawn_box(0, 1.23456789e-11, 0, 0).x1 == 1.2e-11
    assert drawn_box(0, 1e-15, 0, 0).x1 == 0
