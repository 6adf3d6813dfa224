"""Answers to the question whether a pair co-occurs by chance."""

import math
from dataclasses import replace

import pytest

from analysis.bundle import Bundle
from analysis.cooccurrence import significance
from analysis.cooccurrence.significance import PairTest
from pages.widgets.pair_tests import _row, answer


@pytest.fixture(scope="module")
def one_test(planted_bundle: Bundle) -> PairTest:
    return significance.tests_of_pair(planted_bundle, 160, 161)[0]


@pytest.mark.parametrize(
    ("more", "fewer", "expected"),
    [
        (0.0009, 0.9995, "more than by chance (p < 0.001)"),
        (0.001, 0.9995, "no clear difference from chance (p ≥ 0.001)"),
        (0.9995, 0.0009, "less than by chance (p < 0.001)"),
        (0.9995, 0.001, "no clear difference from chance (p ≥ 0.001)"),
    ],
)
def test_answers_at_the_threshold(
    one_test: PairTest, more: float, fewer: float, expected: str
) -> None:
    assert answer(replace(one_test, expected=3.0, p_more=more, p_fewer=fewer)) == expected


def test_the_answer_is_undefined_if_nothing_is_expected(one_test: PairTest) -> None:
    assert answer(replace(one_test, expected=0.0, p_more=0.0, p_fewer=1.0)).startswith("undefined")


def test_a_row_has_the_counts_and_both_p_values(one_test: PairTest) -> None:
    test = replace(
        one_test, observed=1_234, expected=56.78, std=7.891, p_more=0.0123, p_fewer=0.00045,
        exact=True,
    )  # fmt: skip
    cells = [cell.strip() for cell in _row(test).strip("|").split("|")]
    assert "; exact" in cells[0] and "; approximate" in _row(replace(test, exact=False))
    assert cells[2].startswith("1,234 ")
    assert [cell.replace("\\", "") for cell in cells[3:]] == ["56.8 ± 7.89", "0.012", "4.5e-4"]


@pytest.mark.parametrize(
    ("lift", "expected"),
    [
        (None, "no clear difference from chance (p ≥ 0.001)"),
        (1.25, "no clear difference from chance (p ≥ 0.001); a lift of 1.25 or more is "
         "detectable"),
        (2.0, "no clear difference from chance (p ≥ 0.001); a lift of 2 or more is detectable"),
        (7.5, "too rare to tell: only a lift of 7.5 or more is detectable"),
        (math.inf, "too rare to tell: in these documents no lift is detectable"),
    ],
)  # fmt: skip
def test_rare_pairs_are_told_from_unrelated_ones(
    one_test: PairTest, lift: float | None, expected: str
) -> None:
    undecided = replace(one_test, expected=3.0, p_more=0.3, p_fewer=0.6, smallest_lift=lift)
    assert answer(undecided) == expected
    assert answer(replace(undecided, p_more=1e-9)).startswith("more than by chance")
