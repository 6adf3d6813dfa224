"""Tails of sums of small distributions against enumeration and against scipy."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.cooccurrence import tails as tails_module
from analysis.cooccurrence.tails import (
    LARGEST_CONVOLUTION,
    SMALLEST,
    Parts,
    Tails,
    distribution_of_sum,
    tails_of_sum,
    tilted,
)

Given = list[tuple[int, list[float]]]
"""For each part its smallest value, and the chances of the values from there upwards."""


def parts_of(parts: Given) -> Parts:
    chances = np.array([chance for _, part in parts for chance in part])
    ends = np.cumsum([len(part) for _, part in parts], dtype=np.int64)
    lows = np.array([low for low, _ in parts], dtype=np.int64)
    return Parts(chances, ends, lows)


def tails(parts: Given, observed: int, largest: int = LARGEST_CONVOLUTION) -> Tails:
    return tails_of_sum(parts_of(parts), observed, largest)


def binomials(n: int, p: np.ndarray) -> Given:
    return [(0, stats.binom.pmf(np.arange(n + 1), n, one).tolist()) for one in p]


weights = st.lists(st.integers(1, 9), min_size=1, max_size=4)
parts = st.lists(st.tuples(st.integers(0, 3), weights), min_size=1, max_size=4)


@given(parts)
@settings(max_examples=50, deadline=None)
def test_tails_equal_the_enumeration_of_all_combinations(
    drawn: list[tuple[int, list[int]]],
) -> None:
    given_parts = [(low, [w / sum(ws) for w in ws]) for low, ws in drawn]
    sums: dict[int, float] = {}
    for values in product(*(range(len(ws)) for _, ws in drawn)):
        total = sum(value + low for value, (low, _) in zip(values, drawn, strict=True))
        chance = np.prod([p[v] for v, (_, p) in zip(values, given_parts, strict=True)])
        sums[total] = sums.get(total, 0.0) + float(chance)
    mean = sum(total * chance for total, chance in sums.items())
    variance = sum((total - mean) ** 2 * chance for total, chance in sums.items())
    for observed in sums:
        sum_tails = tails(given_parts, observed)
        assert sum_tails.exact
        assert sum_tails.mean == pytest.approx(mean)
        assert sum_tails.std == pytest.approx(np.sqrt(variance), abs=1e-7)
        assert sum_tails.more == pytest.approx(sum(p for x, p in sums.items() if x >= observed))
        assert sum_tails.fewer == pytest.approx(sum(p for x, p in sums.items() if x <= observed))


def test_far_tails_keep_their_relative_precision() -> None:
    parts = binomials(4, np.full(60, 0.01))
    for observed in (0, 3, 40, 140):
        sum_tails = tails(parts, observed)
        assert sum_tails.more == pytest.approx(stats.binom.sf(observed - 1, 240, 0.01), rel=1e-9)
        assert sum_tails.fewer == pytest.approx(stats.binom.cdf(observed, 240, 0.01), rel=1e-9)
    assert tails(binomials(1, np.full(400, 1e-3)), 400).more == SMALLEST


def test_saddlepoint_is_accurate_to_a_percent_of_the_tail() -> None:
    rates = np.random.default_rng(0).uniform(0.002, 0.1, 300)
    uneven = [(2, [0.6, 0.1, 0.0, 0.3]), (0, [0.2, 0.8])] * 20 + binomials(3, rates)
    width = sum(len(part) - 1 for _, part in uneven)
    low = sum(low for low, _ in uneven)
    for observed in (low, low + 30, *range(low + 60, low + 140, 5), low + 300, low + width):
        whole, near = tails(uneven, observed), tails(uneven, observed, largest=0)
        assert whole.exact and not near.exact
        assert (near.mean, near.std) == (whole.mean, whole.std)
        for exact, approximate in ((whole.more, near.more), (whole.fewer, near.fewer)):
            if exact > 1e-300:
                assert np.log(approximate) == pytest.approx(np.log(exact), abs=0.015, rel=1e-3)


def test_a_sum_of_nothing_is_zero() -> None:
    assert tails([], 0) == Tails(0.0, 0.0, 1.0, 1.0, True)
    assert tails([(3, [1.0])], 3, largest=0) == Tails(3.0, 0.0, 1.0, 1.0, False)


def test_the_cost_is_the_multiplications_of_the_convolution() -> None:
    # The total has 2, then 4, then 5 possible values, and the parts have 2, 3 and 2.
    three = [(0, [0.5, 0.5]), (1, [0.2, 0.3, 0.5]), (0, [0.9, 0.1])]
    cost = 2 * 2 + 4 * 3 + 5 * 2
    assert tails(three, 2, largest=cost).exact
    assert not tails(three, 2, largest=cost - 1).exact


@pytest.mark.parametrize(("n", "p", "q"), [(30, 0.2, 0.31), (30, 0.2, 0.02), (400, 0.5, 0.9)])
def test_a_tilted_binomial_is_a_binomial(n: int, p: float, q: float) -> None:
    given_parts = [(2, stats.binom.pmf(np.arange(n + 1), n, p).tolist()), (0, [1 - p, p])]
    result = tilted(parts_of(given_parts), 2 + (n + 1) * q)
    assert result.chances[: n + 1] == pytest.approx(stats.binom.pmf(np.arange(n + 1), n, q))
    assert result.chances[n + 1 :] == pytest.approx([1 - q, q])
    assert result.lows.tolist() == [2, 0]


def test_a_sum_that_has_the_mean_already_is_not_tilted() -> None:
    given_parts = parts_of([(1, [0.5, 0.25, 0.25]), (0, [1.0])])
    assert tilted(given_parts, 1.75).chances.tolist() == given_parts.chances.tolist()
    certain = parts_of([(3, [1.0])])
    assert tilted(certain, 5.0).chances.tolist() == [1.0]


@pytest.mark.parametrize(("mean", "reached"), [(9.0, 3.0), (3.0, 3.0), (1.0, 1.0), (-2.0, 1.0)])
def test_a_mean_out_of_reach_becomes_the_nearest(mean: float, reached: float) -> None:
    result = tilted(parts_of([(1, [0.9, 0.1]), (0, [0.999, 0.001])]), mean)
    assert tails_of_sum(result, 1, LARGEST_CONVOLUTION).mean == pytest.approx(reached, abs=1e-6)


def test_the_distribution_of_a_sum_is_the_convolution(monkeypatch: pytest.MonkeyPatch) -> None:
    chances = distribution_of_sum(parts_of(binomials(3, np.full(20, 0.3))))
    assert chances == pytest.approx(stats.binom.pmf(np.arange(61), 60, 0.3))
    # 4 (1 + 3) multiplications for the first of two parts, and 4 (1 + 6) for the second.
    monkeypatch.setattr(tails_module, "LARGEST_CONVOLUTION", 44)
    assert distribution_of_sum(parts_of(binomials(3, np.full(2, 0.3)))) is not None
    monkeypatch.setattr(tails_module, "LARGEST_CONVOLUTION", 43)
    assert distribution_of_sum(parts_of(binomials(3, np.full(2, 0.3)))) is None
