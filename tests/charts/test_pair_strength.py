"""Strengths of a pair, against independent counts."""

import numpy as np
import pytest

from analysis.bundle import UNITS, Bundle
from analysis.cooccurrence.association import wilson_interval
from analysis.cooccurrence.pair import Pair, read_pair
from charts.pair_strength import pair_conditionals, pair_strengths

A, B = 5, 13


@pytest.fixture(scope="module")
def pair(tiny: Bundle) -> Pair:
    return read_pair(tiny, A, B, threshold=2.0, window=50)


@pytest.fixture(scope="module")
def active(tiny: Bundle) -> np.ndarray:
    """Which of the two is active on each kept token [kept, 2]."""
    x = np.zeros((tiny.tokens.num_rows, 2))
    for i, latent in enumerate((A, B)):
        rows, values = tiny.activations.of_latent(latent)
        x[rows, i] = values
    return x[tiny.tokens["kept"].to_numpy(zero_copy_only=False)] > 2.0


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
