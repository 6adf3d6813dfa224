"""Strengths of a pair, against independent counts."""

import numpy as np
import pytest

from analysis.bundle import UNITS, Bundle
from analysis.cooccurrence.association import wilson_interval
from analysis.cooccurrence.pair import Pair
from charts.pair_strength import pair_conditionals, pair_strengths
from tests.charts.conftest import A, B
from tests.charts.drawn import domain_of


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
