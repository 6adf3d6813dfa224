"""Benjamini-Hochberg against brute force and scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.cooccurrence.fdr import benjamini_hochberg

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=50)


def brute_force(p: list[float], family: int) -> list[float]:
    """q by its definition, with the rest of the family at p = 1."""
    whole = np.array([*p, *[1.0] * (family - len(p))])
    rates = [family * one / (whole <= one).sum() for one in whole]
    return [
        min(rate for rate, other in zip(rates, whole, strict=True) if other >= one) for one in p
    ]


@given(p_values, st.integers(0, 200))
def test_q_is_its_definition_over_the_whole_family(p: list[float], others: int) -> None:
    family = len(p) + others
    assert benjamini_hochberg(p, family) == pytest.approx(brute_force(p, family), abs=1e-12)


@given(p_values)
def test_q_of_a_complete_family_is_scipys(p: list[float]) -> None:
    assert benjamini_hochberg(p, len(p)) == pytest.approx(stats.false_discovery_control(p))


def test_tests_that_are_not_given_count_as_one() -> None:
    p = np.array([1e-6, 0.2, 1e-4, 3e-5])
    whole = stats.false_discovery_control(np.concatenate([p, np.ones(996)]))
    assert benjamini_hochberg(p, 1_000) == pytest.approx(whole[:4])


def test_no_tests_give_no_q() -> None:
    assert benjamini_hochberg([], 1_000).size == 0
    assert benjamini_hochberg([], 0).size == 0


def test_a_family_holds_its_tests() -> None:
    assert benjamini_hochberg([0.1, 0.2], 2).tolist() == [0.2, 0.2]
    with pytest.raises(ValueError, match="family is 2, but must be at least the 3"):
        benjamini_hochberg([0.1, 0.2, 0.3], 2)
