"""The smallest lift that a test could have shown, against SciPy's binomial and Poisson."""

import math

import numpy as np
import pytest
from scipy import optimize, stats

from analysis.cooccurrence import tails
from analysis.cooccurrence.power import is_too_rare, smallest_lift, smallest_lift_of_counts
from analysis.cooccurrence.tails import Parts


def binomial_parts(parts: int, n: int, p: float, low: int = 0) -> Parts:
    """Counts whose sum is low * parts + Binomial(parts * n, p)."""
    chances = np.tile(stats.binom.pmf(np.arange(n + 1), n, p), parts)
    return Parts(chances, (n + 1) * np.arange(1, parts + 1), np.full(parts, low))


def binomial_lift(n: int, p: float, low: int = 0) -> float:
    """A tilted binomial is a binomial, so its probability can be solved for."""
    counts = np.arange(n + 2)
    critical = int(counts[stats.binom.sf(counts - 1, n, p) <= 0.05][0])
    q = optimize.brentq(lambda q: stats.binom.sf(critical - 1, n, q) - 0.8, p, 1)
    return float((low + n * q) / (low + n * p))


@pytest.mark.parametrize(("parts", "n", "p"), [(1, 9, 0.2), (40, 3, 0.02), (60, 20, 0.4)])
def test_smallest_lift_of_a_binomial(parts: int, n: int, p: float) -> None:
    lift = smallest_lift(binomial_parts(parts, n, p))
    assert lift == pytest.approx(binomial_lift(parts * n, p), rel=1e-6)


def test_counts_that_always_occur_belong_to_the_mean() -> None:
    lift = smallest_lift(binomial_parts(5, 8, 0.1, low=3))
    assert lift == pytest.approx(binomial_lift(40, 0.1, low=15), rel=1e-6)


def test_no_lift_can_be_shown_if_the_largest_count_is_not_significant() -> None:
    assert smallest_lift(binomial_parts(1, 1, 0.0501)) == math.inf
    assert math.isfinite(smallest_lift(binomial_parts(1, 1, 0.0499)))
    assert smallest_lift(Parts(np.ones(1), np.array([1]), np.array([0]))) == math.inf
    nothing = np.empty(0, dtype=np.int64)
    assert smallest_lift(Parts(np.empty(0), nothing, nothing)) == math.inf


def test_expensive_sums_are_close_to_the_exact_lift(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = binomial_parts(120, 20, 0.1)
    exact = smallest_lift(parts)
    monkeypatch.setattr(tails, "LARGEST_CONVOLUTION", 0)
    near = smallest_lift(parts)
    assert near - 1 != exact - 1 == pytest.approx(near - 1, rel=0.05)


@pytest.mark.parametrize(("n1", "n2"), [(40, 500), (2_000, 3_000), (9, 30_000), (60_000, 80_000)])
def test_smallest_lift_of_counts_is_poissons(n1: int, n2: int) -> None:
    mean = n1 * n2 / 200_000
    counts = np.arange(200_000)
    critical = int(np.argmax(stats.poisson.sf(counts - 1, mean) <= 0.05))
    wanted = optimize.brentq(lambda m: stats.poisson.sf(critical - 1, m) - 0.8, 1e-9, 1e6)
    lift = smallest_lift_of_counts(n1, n2, 200_000)
    if wanted / mean <= 200_000 / max(n1, n2):
        assert lift == pytest.approx(wanted / mean, rel=1e-6)
    else:
        assert lift == math.inf


def test_a_lift_beyond_the_largest_possible_one_cannot_be_shown() -> None:
    # A joint token needs a mean of 1.61 with lift, but there are two active tokens.
    assert math.isfinite(smallest_lift_of_counts(2, 2, 100_000))
    assert smallest_lift_of_counts(1, 1, 100_000) == math.inf
    assert smallest_lift_of_counts(0, 5, 100) == smallest_lift_of_counts(5, 0, 100) == math.inf


def test_too_rare_is_a_lift_above_two() -> None:
    assert [is_too_rare(lift) for lift in (1.2, 2.0, 2.001, math.inf)] == [False, False, True, True]


def test_a_frequent_partner_limits_the_lift_of_a_rare_latent() -> None:
    # The joint count can reach 2, twice its mean; a lift of 5.5 would be needed.
    assert smallest_lift_of_counts(2, 100_000, 200_000) == math.inf
    assert smallest_lift_of_counts(100_000, 2, 200_000) == math.inf
    assert math.isfinite(smallest_lift_of_counts(2, 2_000, 200_000))
