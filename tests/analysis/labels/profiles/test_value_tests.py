"""The test of a value against enumeration, the exact permutation test, and simulation."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from analysis.cooccurrence.document_null import document_parts, document_permutation, strata_of
from analysis.cooccurrence.null_models import Positions
from analysis.cooccurrence.power import smallest_lift
from analysis.labels.profiles.value_tests import (
    SCREEN,
    chance_of_more,
    count_values,
    fires_in,
    smallest_lifts,
)
from tests.analysis.cooccurrence.test_null_models import PAIR, kept_documents


def test_moments_equal_those_of_every_permutation_inside_the_strata() -> None:
    strata = np.array([0, 0, 0, 0, 1, 1, 1, -1])
    codes = np.array([0, 0, 1, 1, 1, 0, 1, 1])
    fires = np.array([[1, 1, 0, 1, 0, 1, 1, 1], [0, 0, 0, 1, 1, 0, 0, 0]], dtype=bool)
    counts = count_values(fires, codes, 2, strata)
    for unit in range(2):
        for value in range(2):
            draws = [
                int((fires[unit, :4] & (codes[list(a)] == value)).sum())
                + int((fires[unit, 4:7] & (codes[list(b)] == value)).sum())
                for a in permutations(range(4))
                for b in permutations(range(4, 7))
            ]
            seen = int((fires[unit, :7] & (codes[:7] == value)).sum())
            assert counts.observed[unit, value] == seen
            assert counts.expected[unit, value] == pytest.approx(np.mean(draws))
            assert counts.variance[unit, value] == pytest.approx(np.var(draws))


def test_documents_without_a_value_are_in_no_stratum() -> None:
    # The first two documents have no value. With them, half of the stratum would fire.
    fires = np.array([[1, 1, 0, 0, 1, 1]], dtype=bool)
    counts = count_values(fires, np.array([-1, -1, 0, 0, 1, 1]), 2, np.zeros(6, dtype=np.int64))
    assert counts.observed.tolist() == [[0, 2]]
    assert counts.expected.tolist() == [[1, 1]]
    assert counts.largest.tolist() == [[2, 2]]


def _exact(first: np.ndarray, second: np.ndarray, lengths: np.ndarray) -> tuple[float, float]:
    """p and the smallest lift of the exact test of two latents; the value is the second one."""
    kept = kept_documents(lengths)
    starts = kept.ends - lengths
    positions = Positions(
        np.concatenate([starts[first], starts[second]]),
        np.cumsum([first.sum(), second.sum()]),
    )
    strata = strata_of(kept)
    tests = document_permutation(positions, kept, strata, PAIR)
    return float(tests.p_more[0]), smallest_lift(document_parts(positions, kept, strata))


@pytest.mark.parametrize(
    ("rate", "lift", "share"), [(0.05, 3.0, 0.2), (0.3, 1.6, 0.1), (0.5, 1.3, 0.5)]
)
def test_p_and_power_are_near_those_of_the_exact_test(
    rate: float, lift: float, share: float
) -> None:
    rng = np.random.default_rng(4)
    lengths = np.sort(rng.integers(100, 250, 400))
    strata = strata_of(kept_documents(lengths))
    for _ in range(8):
        value = rng.random(400) < share
        fires = rng.random(400) < np.where(value, rate * lift, rate)
        counts = count_values(fires[None], value.astype(np.int64), 2, strata)
        p, least = _exact(fires, value, lengths)
        chance = float(chance_of_more(counts)[0, 1])
        assert chance == pytest.approx(p, rel=1e-9 if chance <= SCREEN else 0.1)
        assert float(smallest_lifts(counts)[0, 1]) == pytest.approx(least, rel=0.05)


def test_the_test_keeps_its_level_where_values_are_permuted() -> None:
    rng = np.random.default_rng(1)
    lengths = rng.integers(100, 250, 300)
    strata = strata_of(kept_documents(lengths))
    value = (rng.random(300) < 0.3).astype(np.int64)
    fires = rng.random((2_000, 300)) < rng.uniform(0.02, 0.5, (2_000, 1))
    p = chance_of_more(count_values(fires, value, 2, strata))[:, 1]
    assert 0.02 <= (p <= 0.05).mean() <= 0.05  # counts are whole, so the level is not reached
    assert (p <= 0.005).mean() <= 0.008


def test_a_count_that_every_permutation_gives_has_p_1() -> None:
    # All documents of the value are in a stratum in which the unit fires everywhere.
    fires = np.array([[1, 1, 1, 0, 0, 0]], dtype=bool)
    counts = count_values(fires, np.array([0, 0, 1, 1, 1, 1]), 2, np.array([0, 0, 0, 1, 1, 1]))
    assert counts.observed.tolist() == [[2, 1]]
    assert chance_of_more(counts).tolist() == [[1, 1]]


def test_no_lift_can_be_shown_where_every_permutation_gives_the_same_count() -> None:
    fires = np.array([[1, 1, 1, 0, 0, 0]], dtype=bool)
    counts = count_values(fires, np.array([0, 0, 1, 1, 1, 1]), 2, np.array([0, 0, 0, 1, 1, 1]))
    assert smallest_lifts(counts).tolist() == [[np.inf, np.inf]]


def test_p_is_the_hypergeometric_one_in_one_stratum() -> None:
    fires = np.zeros((2, 40), dtype=bool)
    fires[0, :10] = True  # 9 of its 10 documents have the value
    fires[1, 30:32] = True  # none has it
    value = np.r_[np.zeros(1, int), np.ones(9, int), np.zeros(30, int)]
    counts = count_values(fires, value, 2, np.zeros(40, dtype=np.int64))
    p = chance_of_more(counts)[:, 1]
    assert p[0] == pytest.approx(stats.hypergeom.sf(8, 40, 9, 10))
    assert p[1] == 1


def test_no_lift_can_be_shown_with_too_few_documents() -> None:
    # Two documents fire and two have the value: in 1 of 6 draws, both are the same.
    fires = np.array([[1, 1, 0, 0]], dtype=bool)
    few = count_values(fires, np.array([0, 0, 1, 1]), 2, np.zeros(4, dtype=np.int64))
    assert np.isinf(smallest_lifts(few)).all()
    never = count_values(np.zeros((1, 4), bool), np.array([0, 0, 1, 1]), 2, np.zeros(4, np.int64))
    assert np.isinf(smallest_lifts(never)).all()


def test_a_unit_of_most_documents_fires_where_it_is_above_its_median() -> None:
    lengths = np.array([100, 100, 100, 50, 0])
    rare = np.array([3, 0, 1, 0, 0])
    half = np.array([3, 1, 0, 0, 0])
    busy = np.array([1, 4, 0, 2, 0])  # shares .01, .04, 0, .04: the median is .025
    fires = fires_in(np.stack([rare, half, busy]), lengths)
    assert fires.tolist() == [
        [True, False, True, False, False],
        [True, True, False, False, False],
        [False, True, False, True, False],
    ]


def test_most_documents_are_most_of_those_with_tokens() -> None:
    lengths = np.array([100, 100, 100, 0, 0])
    two_of_three = np.array([[3, 1, 0, 0, 0]])  # shares .03, .01, 0: the median is .01
    assert fires_in(two_of_three, lengths).tolist() == [[True, False, False, False, False]]


def test_a_unit_does_not_fire_in_its_median_document() -> None:
    lengths = np.array([100, 50, 200, 100, 100])
    odd = np.array([1, 1, 6, 4, 5])  # shares .01, .02, .03, .04, .05
    same = np.array([2, 1, 4, 2, 2])
    some = np.array([3, 1, 6, 0, 0])  # shares .03, .02, .03, 0, 0
    fires = fires_in(np.stack([odd, same, some]), lengths)
    assert fires.tolist() == [
        [False, False, False, True, True],
        [False] * 5,
        [True, False, True, False, False],
    ]
