"""Measures of association against scipy, and the invariants of the 2x2 table."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from analysis.cooccurrence.association import (
    MEASURES,
    TwoByTwo,
    dice,
    expected,
    g_squared,
    jaccard,
    lift,
    measure_table,
    npmi,
    overlap,
    p_a_given_b,
    p_b_given_a,
    phi,
    phi_over_max,
    pmi,
    wilson_interval,
)

cells = st.integers(0, 10**9)
tables = st.builds(TwoByTwo, cells, cells, cells, cells)
small_cells = st.integers(1, 60)
small_tables = st.builds(TwoByTwo, small_cells, small_cells, small_cells, small_cells)


def bits(table: TwoByTwo) -> tuple[np.ndarray, np.ndarray]:
    counts = np.array([table.n11, table.n10, table.n01, table.n00], dtype=np.int64)
    return np.repeat([1, 1, 0, 0], counts), np.repeat([1, 0, 1, 0], counts)


@given(small_tables)
def test_phi_is_pearson_of_the_bits(table: TwoByTwo) -> None:
    a, b = bits(table)
    assert float(phi(table)) == pytest.approx(stats.pearsonr(a, b).statistic, abs=1e-12)


@given(small_tables)
def test_g_squared_is_scipys_log_likelihood(table: TwoByTwo) -> None:
    observed = np.array([[table.n11, table.n10], [table.n01, table.n00]])
    found = stats.chi2_contingency(observed, correction=False, lambda_="log-likelihood")
    assert float(g_squared(table)) == pytest.approx(found.statistic, abs=1e-8)
    assert float(expected(table)) == pytest.approx(found.expected_freq[0, 0])


@given(st.integers(0, 500), st.integers(1, 500))
def test_wilson_is_scipys(successes: int, more: int) -> None:
    trials = successes + more - 1 or 1
    interval = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    low, high = wilson_interval(successes, trials)
    assert float(low) == pytest.approx(interval.low, abs=1e-12)
    assert float(high) == pytest.approx(interval.high, abs=1e-12)


def test_wilson_takes_other_confidences_and_arrays() -> None:
    successes, trials = np.array([[3], [40]]), np.array([50, 90])
    low, high = wilson_interval(successes, trials, z=float(stats.norm.ppf(0.995)))
    for i, k in enumerate((3, 40)):
        for j, n in enumerate((50, 90)):
            interval = stats.binomtest(k, n).proportion_ci(confidence_level=0.99, method="wilson")
            assert low[i, j] == pytest.approx(interval.low, abs=1e-12)
            assert high[i, j] == pytest.approx(interval.high, abs=1e-12)


def test_six_measures_rank_the_stored_partners() -> None:
    ranked = {name for name, measure in MEASURES.items() if measure.ranked}
    assert ranked == {"phi", "jaccard", "npmi", "p_b_given_a", "p_a_given_b", "joint"}
    assert all(name == measure.name for name, measure in MEASURES.items())


def test_without_trials_the_interval_is_everything() -> None:
    assert [float(bound) for bound in wilson_interval(0, 0)] == [0.0, 1.0]


@given(small_tables)
def test_pmi_is_the_pointwise_term_of_mutual_information(table: TwoByTwo) -> None:
    a, b = bits(table)
    p = np.mean((a == 1) & (b == 1))
    by_hand = np.log(p / (a.mean() * b.mean()))
    assert float(pmi(table)) == pytest.approx(by_hand, abs=1e-12)
    assert float(lift(table)) == pytest.approx(np.exp(by_hand))
    assert float(npmi(table)) == pytest.approx(by_hand / -np.log(p), abs=1e-12)


@given(tables)
@example(TwoByTwo(231_564_513, 0, 0, 1))
def test_nothing_is_ever_nan_and_ranges_hold(table: TwoByTwo) -> None:
    for measure in MEASURES.values():
        value = float(measure.of(table))
        assert not np.isnan(value), measure.name
        assert measure.low <= value <= measure.high, measure.name


@given(tables)
def test_jaccard_dice_overlap_are_ordered_and_ignore_silence(table: TwoByTwo) -> None:
    values = [float(measure(table)) for measure in (jaccard, dice, overlap)]
    assert values == sorted(values)
    quiet = TwoByTwo(table.n11, table.n10, table.n01, table.n00 + 1_000_000)
    assert [float(measure(quiet)) for measure in (jaccard, dice, overlap)] == values


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 300), st.integers(1, 300))
def test_independence_is_zero_phi_unit_lift_and_zero_g(a: int, b: int, c: int, d: int) -> None:
    table = TwoByTwo(a * c, a * d, b * c, b * d)
    assert float(phi(table)) == pytest.approx(0, abs=1e-12)
    assert float(lift(table)) == pytest.approx(1)
    assert float(npmi(table)) == pytest.approx(0, abs=1e-12)
    assert float(g_squared(table)) == pytest.approx(0, abs=1e-6)


@given(small_tables)
def test_swapping_the_latents_swaps_only_the_conditionals(table: TwoByTwo) -> None:
    swapped = TwoByTwo(table.n11, table.n01, table.n10, table.n00)
    assert float(p_b_given_a(table)) == float(p_a_given_b(swapped))
    for measure in (phi, jaccard, npmi, dice, overlap, lift, g_squared, phi_over_max):
        assert float(measure(table)) == pytest.approx(float(measure(swapped)), abs=1e-9)


@given(st.integers(1, 500), st.integers(0, 500), st.integers(1, 5000))
def test_an_implication_reaches_the_largest_phi(n11: int, n01: int, n00: int) -> None:
    implied = TwoByTwo(n11, 0, n01, n00)
    assert float(phi_over_max(implied)) == pytest.approx(1)
    p1, p2 = n11 / (n11 + n01 + n00), (n11 + n01) / (n11 + n01 + n00)
    largest = np.sqrt(p1 * (1 - p2) / (p2 * (1 - p1)))
    assert float(phi(implied)) == pytest.approx(largest)


def test_phi_over_max_of_an_implication_is_one_where_latents_are_nearly_always_active() -> None:
    for n11, n00 in ((231_564_513, 1), (10**9, 3)):
        assert float(phi_over_max(TwoByTwo(n11, 0, 0, n00))) == 1
        assert float(phi_over_max(TwoByTwo(n11, 5, 0, n00))) == 1


def test_extremes() -> None:
    never = TwoByTwo(0, 10, 20, 70)
    assert float(npmi(never)) == -1 and float(pmi(never)) == -np.inf and float(lift(never)) == 0
    always = TwoByTwo(5, 0, 0, 95)
    assert float(npmi(always)) == pytest.approx(1) and float(phi(always)) == 1
    nothing = TwoByTwo(0, 0, 0, 0)
    assert all(float(measure.of(nothing)) == 0 for measure in MEASURES.values())


def test_counts_of_a_billion_tokens_do_not_overflow() -> None:
    billion = np.array([10**9])
    table = TwoByTwo.from_margins(billion, 2 * billion, 2 * billion, 10 * billion)
    assert phi(table)[0] == pytest.approx(0.375)
    assert lift(table)[0] == pytest.approx(2.5)


def test_measures_that_are_bounded_by_one_reach_it() -> None:
    twins = TwoByTwo(30, 0, 0, 70)
    for measure in MEASURES.values():
        if measure.high == 1:
            assert float(measure.of(twins)) == pytest.approx(1), measure.name
    assert {measure.name for measure in MEASURES.values() if measure.high == 1} == {
        *("phi", "jaccard", "npmi", "p_b_given_a", "p_a_given_b", "dice", "overlap"),
        "phi_over_max",
    }


def test_measure_table_derives_columns_from_integers() -> None:
    latents = pa.table({"active_tokens": [40, 50, 0]})
    pairs = pa.table(
        {
            "latent": pa.array([0, 1], pa.int32()),
            "partner": pa.array([1, 0], pa.int32()),
            "joint_tokens": [20, 20],
        }
    )
    found = measure_table(pairs, latents, 100, ["jaccard", "p_b_given_a", "phi"])
    assert found["jaccard"].to_pylist() == [20 / 70, 20 / 70]
    assert found["p_b_given_a"].to_pylist() == [0.5, 0.4]
    assert found["phi"].to_pylist() == [0.0, 0.0]
    assert found.column_names[:3] == pairs.column_names
