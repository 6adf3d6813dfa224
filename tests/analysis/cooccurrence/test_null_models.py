"""The null models of pairs against enumeration, scipy and simulation."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.bundle import KeptTokens
from analysis.cooccurrence import null_models
from analysis.cooccurrence.null_models import (
    PairTests,
    Positions,
    circular_shift,
    document_permutation,
    strata_of,
    stretches,
)

PAIR = np.array([[0, 1]])


def kept_documents(lengths: np.ndarray | list[int]) -> KeptTokens:
    """Documents with these numbers of kept tokens; an empty one has a masked token."""
    n = np.asarray(lengths)
    rows = np.maximum(n, 1)
    return KeptTokens.of(np.repeat(np.arange(len(n)), rows), np.repeat(n > 0, rows))


def shift_of(bits: list[np.ndarray]) -> PairTests:
    """The shift test of the pair whose bits [T, 2] in each document are given."""
    a, b = (np.flatnonzero(column) for column in np.concatenate(bits).T)
    positions = Positions(np.concatenate([a, b]), np.cumsum([len(a), len(b)]))
    return circular_shift(positions, np.cumsum([len(each) for each in bits]), PAIR)


def joint_at_every_shift(bits: np.ndarray) -> list[int]:
    return [int((bits[:, 0] & np.roll(bits[:, 1], s)).sum()) for s in range(len(bits))]


documents = st.lists(
    st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=7),
    min_size=1,
    max_size=4,
)


@given(documents)
@settings(deadline=None)
def test_shift_is_the_enumeration_of_all_shifts_of_all_documents(
    drawn: list[list[tuple[bool, bool]]],
) -> None:
    bits = [np.array(each) for each in drawn]
    sums = np.array([sum(each) for each in product(*map(joint_at_every_shift, bits))])
    observed = sum(int((each[:, 0] & each[:, 1]).sum()) for each in bits)
    tests = shift_of(bits)
    assert tests.observed[0] == observed
    assert tests.expected[0] == pytest.approx(sums.mean())
    assert tests.std[0] == pytest.approx(sums.std(), abs=1e-7)
    assert tests.p_more[0] == pytest.approx((sums >= observed).mean())
    assert tests.p_fewer[0] == pytest.approx((sums <= observed).mean())
    assert tests.exact[0]


@pytest.mark.parametrize("rate", [0.03, 0.6])
def test_shift_agrees_with_a_simulation(rate: float) -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(40, 160, 30)
    bits = [rng.random((n, 2)) < rate * rng.gamma(1.0) for n in lengths]
    replicates = np.zeros(20_000, dtype=int)
    for each in bits:
        replicates += rng.choice(joint_at_every_shift(each), len(replicates))
    tests = shift_of(bits)
    for p, share in (
        (tests.p_more[0], (replicates >= tests.observed[0]).mean()),
        (tests.p_fewer[0], (replicates <= tests.observed[0]).mean()),
    ):
        assert share == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / len(replicates)) + 1e-4)
    error = tests.std[0] / np.sqrt(len(replicates))
    assert replicates.mean() == pytest.approx(tests.expected[0], abs=4 * error)


def test_masked_tokens_have_no_position() -> None:
    kept = KeptTokens.of(np.array([4, 4, 4, 4, 7, 9, 9]), np.array([0, 1, 0, 1, 0, 1, 1], bool))
    assert kept.before.tolist() == [0, 0, 1, 1, 2, 2, 3]
    assert kept.ends.tolist() == [2, 2, 4]
    assert stretches(kept).tolist() == [2, 2, 4]


def test_long_documents_are_cut_into_equal_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(null_models, "LONGEST", 10)
    assert stretches(kept_documents([10, 25, 3])).tolist() == [10, 18, 26, 35, 38]


def test_a_stretch_has_at_most_2048_tokens() -> None:
    assert stretches(kept_documents([2_048, 2_049])).tolist() == [2_048, 2_048 + 1_024, 4_097]


def test_documents_of_two_strata_are_the_enumeration_of_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(null_models, "SMALLEST_STRATUM", 3)
    lengths = np.array([5, 6, 6, 7, 31, 32, 33])
    kept = kept_documents(lengths)
    strata = strata_of(kept)
    assert strata.tolist() == [0, 0, 0, 0, 1, 1, 1]
    fires = np.array([[1, 1], [1, 0], [0, 0], [1, 1], [0, 1], [1, 1], [0, 0]], dtype=bool)
    starts = kept.ends - lengths
    positions = Positions(
        np.concatenate([starts[fires[:, 0]], starts[fires[:, 1]]]), np.cumsum(fires.sum(axis=0))
    )
    tests = document_permutation(positions, kept, strata, PAIR)
    with_b = [set(np.flatnonzero(fires[:, 1] & (strata == s)).tolist()) for s in (0, 1)]
    joint = [
        len(with_b[0] & set(first)) + len(with_b[1] & set(second))
        for first in combinations((0, 1, 2, 3), 3)
        for second in combinations((4, 5, 6), 1)
    ]
    assert tests.observed[0] == 3
    assert tests.expected[0] == pytest.approx(np.mean(joint))
    assert tests.std[0] == pytest.approx(np.std(joint))
    assert tests.p_more[0] == pytest.approx(np.mean(np.array(joint) >= 3))
    assert tests.p_fewer[0] == pytest.approx(np.mean(np.array(joint) <= 3))


def test_documents_are_permuted_inside_strata_only() -> None:
    # Both latents fire in every short document and in no long one. All of the agreement is
    # between strata, so inside them nothing is left to test.
    lengths = np.repeat([10, 90], 30)
    kept = kept_documents(lengths)
    first = np.arange(30) * 10
    positions = Positions(np.concatenate([first, first]), np.array([30, 60]))
    inside = document_permutation(positions, kept, strata_of(kept), PAIR)
    assert (inside.expected[0], inside.std[0], inside.p_more[0]) == (30, 0, 1)
    over_all = document_permutation(positions, kept, np.zeros(60, dtype=np.int64), PAIR)
    assert over_all.expected[0] == pytest.approx(15)
    assert over_all.p_more[0] == pytest.approx(stats.hypergeom.sf(29, 60, 30, 30))


def test_several_activations_in_a_document_count_as_one() -> None:
    kept = kept_documents([5] * 4)
    a, b = np.array([0, 1, 4, 5, 6]), np.array([1, 2, 9, 10])
    positions = Positions(np.concatenate([a, b]), np.array([5, 9]))
    tests = document_permutation(positions, kept, strata_of(kept), PAIR)
    null = stats.hypergeom(4, 2, 3)
    assert tests.observed[0] == 2
    assert tests.p_more[0] == pytest.approx(null.sf(1))
    assert tests.p_fewer[0] == pytest.approx(null.cdf(2))


@pytest.mark.parametrize(
    ("n", "n_a", "n_b"), [(60, 30, 30), (50_000, 900, 4_000), (900, 899, 450), (7, 7, 3), (9, 0, 4)]
)
def test_chances_of_a_stratum_are_scipys(n: int, n_a: int, n_b: int) -> None:
    parts = null_models._stratum_chances(np.array([n]), np.array([n_a]), np.array([n_b]))
    values = np.arange(len(parts.chances)) + parts.lows[0]
    assert (values[0], values[-1]) == (max(0, n_a + n_b - n), min(n_a, n_b))
    expected = stats.hypergeom.pmf(values, n, n_a, n_b)
    assert parts.chances == pytest.approx(expected, rel=1e-10, abs=1e-300)


def test_strata_are_of_similar_length_and_leave_out_empty_documents() -> None:
    lengths = np.random.default_rng(0).integers(1, 500, 400)
    lengths[7] = 0
    strata = strata_of(kept_documents(lengths))
    assert strata[7] == -1
    sizes = np.bincount(strata[strata >= 0])
    assert len(sizes) == 10 and sizes.min() > 30
    ordered = strata[np.argsort(lengths, kind="stable")]
    assert (np.diff(ordered) >= 0).all()


def test_documents_of_one_length_share_a_stratum() -> None:
    assert set(strata_of(kept_documents([20] * 300)).tolist()) == {0}


@pytest.mark.parametrize(
    ("documents", "strata"), [(1, 1), (29, 1), (30, 2), (149, 9), (150, 10), (400, 10)]
)
def test_a_stratum_has_fifteen_documents_until_there_are_ten_strata(
    documents: int, strata: int
) -> None:
    assert len(set(strata_of(kept_documents(np.arange(1, documents + 1))).tolist())) == strata


def test_pairs_below_the_least_expected_count_are_counted_but_not_tested() -> None:
    # In four documents of two tokens each latent fires on one: 4 * 1 * 1 / 2 = 2 are expected.
    bits = [np.array([[1, 1], [0, 0]], dtype=bool)] * 4
    a = np.arange(4) * 2
    positions = Positions(np.concatenate([a, a]), np.array([4, 8]))
    ends = np.cumsum([len(each) for each in bits])
    tested = circular_shift(positions, ends, PAIR, least_expected=2.0)
    assert (tested.observed[0], tested.expected[0], tested.p_more[0]) == (4, 2, 1 / 16)
    not_tested = circular_shift(positions, ends, PAIR, least_expected=2.0000001)
    assert (not_tested.observed[0], not_tested.expected[0]) == (4, 2)
    assert (not_tested.p_more[0], not_tested.p_fewer[0]) == (1, 1)
    assert not not_tested.exact[0]


def test_take_keeps_pairs_together() -> None:
    tests = shift_of([np.eye(2, dtype=bool), np.ones((3, 2), dtype=bool)])
    twice = tests.take(np.array([0, 0]))
    assert all(column.tolist() == [one[0]] * 2 for column, one in zip(twice, tests, strict=True))
    assert all(len(column) == 0 for column in tests.take(np.array([False])))
