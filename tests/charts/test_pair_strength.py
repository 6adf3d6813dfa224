"""Strengths of a pair, against independent counts."""

import numpy as np
import pytest

from analysis.bundle import UNITS, Bundle, Unit
from analysis.cooccurrence.association import wilson_interval
from analysis.cooccurrence.pair import Pair
from charts.pair_strength import pair_conditionals, pair_strengths
from tests.charts.conftest import A, B
from tests.charts.drawn import domain_of, marks


def test_conditionals_have_their_wilson_interval_and_the_density_of_the_other(
    tiny: Bundle, pair: Pair, active: np.ndarray
) -> None:
    rows = pair_conditionals(tiny, pair).rows.to_pandas().query("unit == 'token'")
    joint = int(active.all(axis=1).sum())
    for row, (given, other) in zip(rows.itertuples(), ((0, 1), (1, 0)), strict=True):
        n = int(active[:, given].sum())
        assert row.probability == f"P({(A, B)[other]} given {(A, B)[given]})"
        assert row.share == pytest.approx(joint / n) and row.trials == n
        assert (row.low, row.high) == pytest.approx(tuple(map(float, wilson_interval(joint, n))))
        assert row.density == pytest.approx(active[:, other].mean())
        assert 0 <= row.low <= row.share <= row.high <= 1


def test_phi_is_the_pearson_correlation_of_binary_activity(
    tiny: Bundle, pair: Pair, active: np.ndarray
) -> None:
    rows = pair_strengths(tiny, pair).rows.to_pandas().set_index(["measure", "unit"])["value"]
    assert rows["phi", "token"] == pytest.approx(np.corrcoef(active.T)[0, 1])
    assert rows["cosine of the activations", "token"] == pytest.approx(pair.cosine)
    assert len(rows) == 3 * len(UNITS) + 2


def test_probabilities_range_from_zero_and_measures_from_minus_one(
    tiny: Bundle, pair: Pair
) -> None:
    assert domain_of(pair_conditionals(tiny, pair), "x") == [0, 1]
    assert domain_of(pair_strengths(tiny, pair), "x") == [-1, 1]


@pytest.mark.parametrize("unit", UNITS)
def test_every_unit_has_its_own_counts(tiny: Bundle, pair: Pair, unit: Unit) -> None:
    table = pair.tables[unit]
    n, n1, n2, both = (int(v) for v in (table.n, table.n1, table.n2, table.n11))
    assert len({int(one.n) for one in pair.tables.values()}) == 3
    of_unit = pair_conditionals(tiny, pair).rows.to_pandas().query("unit == @unit")
    given_a, given_b = of_unit.itertuples()
    assert (given_a.share, given_a.trials) == (pytest.approx(both / n1), n1)
    assert (given_b.share, given_b.trials) == (pytest.approx(both / n2), n2)
    assert (given_a.density, given_b.density) == pytest.approx((n2 / n, n1 / n))
    rows = pair_strengths(tiny, pair).rows.to_pandas().query("unit == @unit")
    phi, jaccard, npmi = rows["value"][:3]
    spread = np.sqrt(n1 * n2 * (n - n1) * (n - n2))
    # A latent that is active on every unit varies with nothing.
    assert phi == pytest.approx((n * both - n1 * n2) / spread if spread else 0)
    assert jaccard == pytest.approx(both / (n1 + n2 - both))
    if both < n:
        assert npmi == pytest.approx(np.log(n * both / (n1 * n2)) / -np.log(both / n))


def test_a_conditional_probability_stands_on_its_interval_beside_the_density(
    tiny: Bundle, pair: Pair
) -> None:
    assert marks(pair_conditionals(tiny, pair)) == [
        "tick: color quiet ink, x density, y unit",
        "rule: x low, x2 high, y unit, color probability",
        "circle: opacity 1, x share, y unit, color probability",
    ]
    assert marks(pair_strengths(tiny, pair)) == [
        "rule: color rule, x at",
        "point: opacity 0.9, filled True, x value, y measure, color unit, shape unit",
    ]
