"""Scales of numbers, against plain comparisons."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given

from charts.colour_steps import (
    MOST_TICKS,
    STEPS,
    Scale,
    in_sections,
    powers,
    round_numbers,
    scale_of,
    step_colours,
)


def test_numbers_of_many_sizes_have_a_log_scale_and_fractions_never() -> None:
    many = np.geomspace(1e-6, 1.0, 500)
    assert scale_of(many).kind == "log"
    assert scale_of(many, linear=True).kind == "linear"
    assert scale_of(np.linspace(1, 20, 500)).kind == "linear"
    assert scale_of(np.append(np.linspace(1, 2, 99), 60.0)).kind == "log"
    assert scale_of(np.append(many, -1.0)).kind == "linear"


def test_steps_are_equal_parts_of_the_scale() -> None:
    scale = scale_of(np.array([0.0, 1.0]))
    codes = scale.codes(np.array([0.0, 0.001, 0.5001, 0.999, 1.0, np.nan]))
    assert codes.tolist() == [1, 1, 128, 255, 255, 0]
    values = np.geomspace(0.01, 100, 1001)
    codes = scale_of(values).codes(values)
    assert codes[0] == 1
    assert codes[-1] == STEPS
    # The middle of a log scale is the geometric mean.
    assert codes[500] == pytest.approx(128, abs=1)
    assert (np.diff(codes.astype(int)) >= 0).all()


def test_zero_is_at_the_lower_end_of_a_log_scale() -> None:
    scale = scale_of(np.append(np.geomspace(1e-4, 1, 99), 0.0))
    assert scale.kind == "log"
    assert scale.codes(np.array([0.0, 1e-4])).tolist() == [1, 1]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
@example([5e-324])
@example([-1e-310, 0.0, 1e-310])
def test_sections_hold_exactly_the_values_between_their_ticks(values: list[float]) -> None:
    array = np.array(values)
    scale = scale_of(array)
    codes = scale.codes(array)
    assert ((codes >= 1) & (codes <= STEPS)).all()
    sections = in_sections(scale, codes)
    assert sum(total for *_, total in sections) == len(values)
    edges = [-np.inf, *scale.ticks, np.inf]
    for (first, last, _, total), low, high in zip(sections, edges[:-1], edges[1:], strict=True):
        assert total == sum(low <= value < high for value in values)
        inside = (codes >= first) & (codes <= last)
        assert inside.tolist() == [low <= value < high for value in values]


def test_bounds_of_a_section_are_its_ticks() -> None:
    scale = scale_of(np.linspace(0, 10, 200))
    bounds = [
        scale.bounds(first, last) for first, last, *_ in in_sections(scale, np.zeros(1, np.uint8))
    ]
    assert scale.ticks == (2.0, 4.0, 6.0, 8.0)
    assert bounds == [(None, 2.0), (2.0, 4.0), (4.0, 6.0), (6.0, 8.0), (8.0, None)]


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_round_numbers_are_few_inside_and_even(least: float, width: float) -> None:
    most = least + width
    ticks = round_numbers(least, most) if most > least else []
    assert len(ticks) <= MOST_TICKS
    assert all(least < tick < most for tick in ticks)
    gaps = np.diff(ticks)
    if len(gaps) and width > 1e-3 * abs(least):
        np.testing.assert_allclose(gaps, gaps[0], rtol=1e-6)


def test_powers_of_ten() -> None:
    assert powers(0.002, 300) == [0.01, 0.1, 1.0, 10.0, 100.0]
    assert len(powers(1e-12, 1e12)) <= MOST_TICKS
    assert powers(2, 3) == []


def test_texts_tell_ticks_apart() -> None:
    assert [Scale("log", 1e-6, 1, (), np.empty(0)).text(v) for v in (1e-5, 0.1)] == ["1e-5", "0.1"]
    near = scale_of(np.linspace(0.9997, 1.0002, 50))
    texts = [near.text(tick) for tick in near.ticks]
    assert len(set(texts)) == len(texts)
    assert scale_of(np.linspace(0, 20_000, 50)).text(5_000) == "5,000"


def test_one_value_and_none_have_a_scale() -> None:
    for values in ([3.0, 3.0], [0.0], [], [np.nan]):
        scale = scale_of(np.array(values))
        assert scale.most > scale.least
        assert scale.codes(np.array(values)).tolist() == [0 if np.isnan(v) else 1 for v in values]


def test_places_of_ticks_are_on_the_bar() -> None:
    bar = scale_of(np.geomspace(1e-4, 1, 90)).for_browser()
    assert [tick["at"] for tick in bar["ticks"]] == pytest.approx([0.25, 0.5, 0.75])
    assert (bar["least"], bar["most"]) == ("1e-4", "1")


def test_more_is_darker_on_light_and_brighter_on_dark() -> None:
    def luminance(colour: str) -> float:
        return float(
            np.dot([0.2126, 0.7152, 0.0722], [int(colour[i : i + 2], 16) for i in (1, 3, 5)])
        )

    light, dark = step_colours(dark=False), step_colours(dark=True)
    assert len(light) == len(dark) == STEPS
    assert light[0] == "#fde725"
    assert (np.diff([luminance(c) for c in light[::16]]) < 0).all()
    assert (np.diff([luminance(c) for c in dark[::16]]) > 0).all()


@pytest.mark.parametrize(("high", "kind"), [(30.0, "log"), (29.9, "linear")])
def test_a_scale_is_logarithmic_from_thirty_times_the_median_or_the_fifth_percentile(
    high: float, kind: str
) -> None:
    # Of 101 sorted numbers the 6th, 51st and 96th are the percentiles 5, 50 and 95.
    spread = np.array([1.0] * 6 + [20.0] * 89 + [high] * 6)
    assert scale_of(spread).kind == kind
    peak = np.array([1.0] * 100 + [high])
    assert scale_of(peak).kind == kind


def test_many_powers_are_thinned_and_steps_are_one_two_or_five() -> None:
    assert powers(5e-4, 5e2) == [1e-3, 1e-2, 0.1, 1, 10, 100]
    assert powers(5e-4, 5e3) == [1e-3, 0.1, 10, 1_000]
    assert powers(1e-12, 1e12) == [1e-7, 1e-2, 1e3, 1e8]
    assert round_numbers(0, 5.9) == [1, 2, 3, 4, 5]
    assert round_numbers(0, 6) == [2, 4]
    assert round_numbers(-0.3, 0.85) == [-0.2, 0, 0.2, 0.4, 0.6, 0.8]
    assert round_numbers(0, 29) == [5, 10, 15, 20, 25]
    assert MOST_TICKS == 6


def test_one_value_has_a_scale_to_twice_its_size_and_sections_have_words() -> None:
    assert (scale_of(np.array([3.0])).most, scale_of(np.array([-3.0])).most) == (6, 0)
    assert scale_of(np.array([0.0])).most == scale_of(np.array([])).most == 1
    codes = np.zeros(1, np.uint8)
    words = [section[2] for section in in_sections(scale_of(np.linspace(0, 10, 200)), codes)]
    assert words == ["below 2", "2 to 4", "4 to 6", "6 to 8", "8 and more"]
    bare = Scale("log", 2, 3, (), np.geomspace(2, 3, STEPS + 1)[1:-1])
    assert in_sections(bare, codes) == [(1, 255, "all values", 0)]


def test_a_hundredth_is_written_in_full_and_less_with_an_exponent() -> None:
    scale = Scale("log", 1e-6, 1, (), np.empty(0))
    assert [scale.text(value) for value in (0.01, 0.001)] == ["0.01", "1e-3"]
    assert Scale("linear", 0, 1, (), np.empty(0)).text(0.001) == "0.001"


def test_the_digits_follow_from_the_larger_end() -> None:
    for least, most, value, text in [
        (999, 1000, 999.123, "999.123"),  # a thousandth of the larger end: three digits more
        (-1000, -999, -999.123, "-999.123"),
        (990, 1000, 999.123, "999.12"),
    ]:
        assert Scale("linear", least, most, (), np.empty(0)).text(value) == text
