"""Numbers as text, against values written by hand."""

import pytest

from analysis.runtime.numbers import (
    count,
    counted,
    density,
    duration,
    fraction,
    percent,
    power,
    probability,
    short,
)
from analysis.runtime.numbers import share as part_of


@pytest.mark.parametrize(
    "value, text", [(0, "0"), (999, "999"), (1000, "1,000"), (12345678, "12,345,678"), (-5, "−5")]
)
def test_counts_have_thousands_separators(value: int, text: str) -> None:
    assert count(value) == text


@pytest.mark.parametrize(
    "value, text",
    [
        (0, "0"), (0.45, "0.45"), (0.456789, "0.457"), (-0.3, "−0.3"), (12.34, "12.3"),
        (999.6, "1,000"), (1234.5, "1,230"), (1234567, "1,230,000"), (0.000495, "0.000495"),
        (0.0001, "0.0001"), (0.00007312, "7.31e-5"), (-7e-10, "−7e-10"), (None, "–"),
        (float("nan"), "–"), (float("inf"), "∞"), (float("-inf"), "−∞"),
    ],
)  # fmt: skip
def test_short_numbers_have_three_significant_digits(value: float | None, text: str) -> None:
    assert short(value) == text


@pytest.mark.parametrize(
    "value, text",
    [(0.45, "0.450"), (1, "1.000"), (-0.1239, "−0.124"), (-0.0001, "0.000"), (None, "–")],
)
def test_fractions_have_a_leading_zero_and_three_decimals(value: float | None, text: str) -> None:
    assert fraction(value) == text


@pytest.mark.parametrize(
    "value, digits, text",
    [
        (0.61, 3, "61\u00a0%"), (1, 3, "100\u00a0%"), (0, 3, "0\u00a0%"),
        (0.12345, 3, "12.3\u00a0%"),
        (0.12345, 2, "12\u00a0%"), (0.000123, 3, "0.0123\u00a0%"), (12.34, 3, "1230\u00a0%"),
        (0.000001, 3, "0.0001\u00a0%"), (0.0000009, 3, "< 0.0001\u00a0%"), (-0.5, 3, "−50\u00a0%"),
        (None, 3, "–"),
    ],
)  # fmt: skip
def test_percentages_have_a_no_break_space(value: float | None, digits: int, text: str) -> None:
    assert percent(value, digits) == text


def test_only_one_thing_is_in_the_singular() -> None:
    texts = [counted(n, "latent") for n in (0, 1, 1_234)]
    assert texts == ["0 latents", "1 latent", "1,234 latents"]


def test_a_share_of_nothing_is_a_dash() -> None:
    assert part_of(1, 8) == "12.5\u00a0%"
    assert part_of(0, 0) == "–"


def test_densities_are_a_number_and_a_percentage() -> None:
    assert density(1.2e-4) == "1.2e-4 (0.012\u00a0%)"
    assert density(0.25) == "2.5e-1 (25\u00a0%)"
    assert density(0) == "0"
    assert power(0.00012345) == "1.2e-4"
    assert power(0) == "0"


@pytest.mark.parametrize(
    "p, text",
    [(1, "1"), (0.0347, "0.035"), (0.001, "0.001"), (0.00099, "9.9e-4"), (1e-300, "1.0e-300"),
     (9.9e-301, "below 1e-300"), (2.2e-308, "below 1e-300"), (0.0, "below 1e-300")],
)  # fmt: skip
def test_probabilities_have_two_significant_digits(p: float, text: str) -> None:
    assert probability(p) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (89.4, "89 s"), (90, "2 min"), (5_369, "89 min"), (5_400, "1 h 30 min")],
)
def test_durations_have_two_units_at_most(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_negative_numbers_are_written_like_positive_ones() -> None:
    assert short(-1234.5) == "−1,230"
    assert short(-1.0) == "−1" and short(1.0) == "1"
    assert power(-0.00012) == "−1.2e-4"
    assert percent(-0.0000009) == "< 0.0001\u00a0%"
