"""Answers to the question whether a pair co-occurs by chance."""

import math
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from analysis.bundle import Bundle
from analysis.cooccurrence import significance
from analysis.cooccurrence.significance import PairTest
from pages.widgets.pair_tests import _row, answer
from tests.pages.conftest import texts


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


def _tests(path: str, threshold: float) -> None:
    import streamlit as st  # noqa: PLC0415

    from analysis.bundle import open_bundle  # noqa: PLC0415
    from analysis.cooccurrence.pair import read_pair  # noqa: PLC0415
    from pages.widgets.pair_tests import pair_tests  # noqa: PLC0415

    bundle = st.cache_resource(open_bundle)(path)
    pair_tests(bundle, read_pair(bundle, 160, 161, threshold, 16))


def test_the_threshold_of_the_tests_is_stated_where_that_of_the_page_is_higher(
    planted_bundle: Bundle,
) -> None:
    own = planted_bundle.manifest.parameters.active_threshold
    rule = f"The tests use the threshold of the bundle, activation > {own:g}."
    for threshold, stated in ((own, False), (own + 0.5, True)):
        given = {"path": str(planted_bundle.path), "threshold": threshold}
        app = AppTest.from_function(_tests, kwargs=given, default_timeout=60).run()
        assert not app.exception and (rule in texts(app)) == stated
