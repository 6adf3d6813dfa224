"""The rows of the pair's figures against dense arrays; every export of them."""

import numpy as np
import pytest

from analysis.bundle import UNITS, Bundle
from analysis.cooccurrence.association import wilson_interval
from analysis.cooccurrence.pair import WHERE, Pair, read_pair
from charts.pair_activations import joint_activations
from charts.pair_contexts import pair_context_strips
from charts.pair_counts import pair_counts, pair_expected
from charts.pair_strength import pair_conditionals, pair_strengths

A, B = 5, 13
FIGURES = (pair_counts, pair_conditionals, pair_expected, pair_strengths, joint_activations)


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


def test_the_cells_add_up_and_the_token_table_is_right(
    tiny: Bundle, pair: Pair, active: np.ndarray
) -> None:
    rows = pair_counts(tiny, pair).rows.to_pandas()
    assert list(rows["unit"].unique()) == list(UNITS)
    for _, cells in rows.groupby("unit"):
        assert cells["share"].sum() == pytest.approx(1)
        assert cells["expected"].sum() == pytest.approx(cells["count"].sum())
    for cell in rows[rows["unit"] == "token"].itertuples():
        inside = (active[:, 0] == cell.a_active) & (active[:, 1] == cell.b_active)
        margins = (active[:, 0] == cell.a_active).mean() * (active[:, 1] == cell.b_active).sum()
        assert cell.count == inside.sum()
        assert cell.expected == pytest.approx(margins)


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


def test_joint_against_chance(tiny: Bundle, pair: Pair, active: np.ndarray) -> None:
    row = pair_expected(tiny, pair).rows.to_pylist()[0]
    one, two, both = active[:, 0].sum(), active[:, 1].sum(), active.all(axis=1).sum()
    assert row["joint"] == both
    assert row["expected"] == pytest.approx(one * two / len(active))
    assert row["lift"] == pytest.approx(both * len(active) / (one * two))


def test_phi_is_pearson_of_the_bits(tiny: Bundle, pair: Pair, active: np.ndarray) -> None:
    rows = pair_strengths(tiny, pair).rows.to_pandas().set_index(["measure", "unit"])["value"]
    assert rows["phi", "token"] == pytest.approx(np.corrcoef(active.T)[0, 1])
    assert rows["cosine of the activations", "token"] == pytest.approx(pair.cosine)
    assert len(rows) == 3 * len(UNITS) + 2


def test_the_scatter_has_every_active_token_and_says_where(
    tiny: Bundle, pair: Pair, active: np.ndarray
) -> None:
    figure = joint_activations(tiny, pair)
    counts = figure.rows.to_pandas()["where"].value_counts()
    assert counts["both"] == active.all(axis=1).sum()
    assert counts[f"only {A}"] == (active[:, 0] & ~active[:, 1]).sum()
    assert counts[f"only {B}"] == (~active[:, 0] & active[:, 1]).sum()
    assert f"{counts.sum():,} of {counts.sum():,} tokens" in str(figure.note)


@pytest.mark.parametrize("where", WHERE)
def test_context_rows_are_joined_windows_with_both_latents(
    tiny: Bundle, pair: Pair, where: str
) -> None:
    rows = pair_context_strips(tiny, pair, where).rows.to_pandas()  # type: ignore[arg-type]
    picked = rows[rows["is_picked"]]
    assert len(picked) == rows["context"].nunique() > 0
    assert ((picked["a"] > 2) == (where != "b")).all()
    assert ((picked["b"] > 2) == (where != "a")).all()
    assert (picked["start"] == 0).all()
    for _, line in rows.groupby("context"):
        assert (line["start"].to_numpy()[1:] == line["end"].to_numpy()[:-1]).all()
    for name, latent in (("a", A), ("b", B)):
        most = tiny.latents["max"][latent].as_py()
        np.testing.assert_allclose(rows[f"{name}_ratio"], rows[name] / most, rtol=1e-6)


def test_a_pair_with_a_dead_latent_draws(tiny: Bundle) -> None:
    pair = read_pair(tiny, 0, 60)
    for draw in FIGURES:
        assert draw(tiny, pair).chart.to_dict()
    assert pair_context_strips(tiny, pair, "both").rows.num_rows == 0
    assert pair_expected(tiny, pair).rows["joint"].to_pylist() == [0, 0, 0]
