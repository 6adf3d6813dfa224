"""The three tests of a pair against brute force, scipy and simulation."""

from itertools import combinations, product

import numba
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.bundle import Bundle, KeptTokens
from analysis.cooccurrence import significance
from analysis.cooccurrence.association import TwoByTwo
from analysis.cooccurrence.significance import (
    Lists,
    PairTests,
    benjamini_hochberg,
    document_tests,
    shift_in,
    shift_tests,
    strata_of,
    stretches,
    token_tests,
)
from tests.analysis.conftest import Stored
from tests.planted import LATENTS


def shifted(bits: list[np.ndarray]) -> PairTests:
    """The shift test of the pair whose bits [T, 2] in each document are given."""
    ends = np.cumsum([len(each) for each in bits])
    a, b = (np.flatnonzero(column) for column in np.concatenate(bits).T)
    lists = Lists(np.concatenate([a, b]), np.cumsum([len(a), len(b)]))
    return shift_in(lists, ends, np.array([[0, 1]]))


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
    found = shifted(bits)
    assert found.observed[0] == observed
    assert found.expected[0] == pytest.approx(sums.mean())
    assert found.deviation[0] == pytest.approx(sums.std(), abs=1e-7)
    assert found.p_more[0] == pytest.approx((sums >= observed).mean())
    assert found.p_fewer[0] == pytest.approx((sums <= observed).mean())
    assert found.exact[0]


@pytest.mark.parametrize("rate", [0.03, 0.6])
def test_shift_agrees_with_a_simulation(rate: float) -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(40, 160, 30)
    bits = [rng.random((n, 2)) < rate * rng.gamma(1.0) for n in lengths]
    replicates = np.zeros(20_000, dtype=int)
    for each in bits:
        replicates += rng.choice(joint_at_every_shift(each), len(replicates))
    found = shifted(bits)
    for p, share in (
        (found.p_more[0], (replicates >= found.observed[0]).mean()),
        (found.p_fewer[0], (replicates <= found.observed[0]).mean()),
    ):
        assert share == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / len(replicates)) + 1e-4)
    error = found.deviation[0] / np.sqrt(len(replicates))
    assert replicates.mean() == pytest.approx(found.expected[0], abs=4 * error)


def test_dear_sums_are_said_to_be_approximate_and_are_near(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = stored.kept
    pairs = np.array([[196, 197], [198, 199], [160, 196]])
    exact = shift_tests(stored.activations, kept, pairs)
    monkeypatch.setattr(significance, "LARGEST_CONVOLUTION", 0)
    near = shift_tests(stored.activations, kept, pairs)
    assert exact.exact.all() and not near.exact.any()
    assert np.log(near.p_more) == pytest.approx(np.log(exact.p_more), abs=0.03)
    assert np.log(near.p_fewer) == pytest.approx(np.log(exact.p_fewer), abs=0.03)


def kept_of_lengths(lengths: np.ndarray) -> KeptTokens:
    """Documents with these kept tokens each; one without any has a masked token."""
    document = np.repeat(np.arange(len(lengths)), np.maximum(lengths, 1))
    return KeptTokens.of(document, np.repeat(lengths > 0, np.maximum(lengths, 1)))


def test_masked_tokens_are_no_positions() -> None:
    kept = KeptTokens.of(np.array([4, 4, 4, 4, 7, 9, 9]), np.array([0, 1, 0, 1, 0, 1, 1], bool))
    assert kept.before.tolist() == [0, 0, 1, 1, 2, 2, 3]
    assert kept.ends.tolist() == [2, 2, 4]
    assert stretches(kept).tolist() == [2, 2, 4]


def test_long_documents_are_cut_into_equal_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(significance, "LONGEST", 10)
    kept = KeptTokens.of(np.repeat([0, 1, 2], [10, 25, 3]), np.ones(38, dtype=bool))
    assert stretches(kept).tolist() == [10, 18, 26, 35, 38]


@pytest.mark.filterwarnings("ignore:divide by zero")  # scipy's kurtosis, which nobody asked for
def test_documents_of_one_stratum_are_hypergeometric(stored: Stored) -> None:
    # All planted documents have one length.
    pairs = np.array(list(combinations([*range(155, 190), *range(196, LATENTS)], 2)))
    found = document_tests(stored.activations, stored.kept, pairs)
    document = pq.read_table(stored.planted.tokens)["document"].to_numpy()
    fires = np.array([stored.bits[document == d].any(axis=0) for d in np.unique(document)])
    both = np.array([(fires[:, a] & fires[:, b]).sum() for a, b in pairs])
    own = fires.sum(axis=0)
    null = stats.hypergeom(len(fires), own[pairs[:, 0]], own[pairs[:, 1]])
    assert np.array_equal(found.observed, both)
    assert found.expected == pytest.approx(null.mean())
    assert found.deviation == pytest.approx(null.std(), abs=1e-7)
    assert found.p_more == pytest.approx(null.sf(both - 1))
    assert found.p_fewer == pytest.approx(null.cdf(both))


def test_documents_of_two_strata_are_the_enumeration_of_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(significance, "SMALLEST_STRATUM", 3)
    lengths = np.array([5, 6, 6, 7, 31, 32, 33])
    kept = KeptTokens.of(np.repeat(np.arange(7), lengths), np.ones(lengths.sum(), bool))
    strata = strata_of(kept)
    assert strata.tolist() == [0, 0, 0, 0, 1, 1, 1]
    fires = np.array([[1, 1], [1, 0], [0, 0], [1, 1], [0, 1], [1, 1], [0, 0]], dtype=bool)
    starts = kept.ends - lengths
    lists = Lists(
        np.concatenate([starts[fires[:, 0]], starts[fires[:, 1]]]), np.cumsum(fires.sum(axis=0))
    )
    found = significance._test_documents(lists, kept, strata, np.array([[0, 1]]))
    with_b = [set(np.flatnonzero(fires[:, 1] & (strata == s)).tolist()) for s in (0, 1)]
    joint = [
        len(with_b[0] & set(first)) + len(with_b[1] & set(second))
        for first in combinations((0, 1, 2, 3), 3)
        for second in combinations((4, 5, 6), 1)
    ]
    assert found.observed[0] == 3
    assert found.expected[0] == pytest.approx(np.mean(joint))
    assert found.p_more[0] == pytest.approx(np.mean(np.array(joint) >= 3))
    assert found.p_fewer[0] == pytest.approx(np.mean(np.array(joint) <= 3))


def test_strata_are_of_similar_length_and_leave_out_empty_documents() -> None:
    lengths = np.random.default_rng(0).integers(1, 500, 400)
    lengths[7] = 0
    kept = kept_of_lengths(lengths)
    strata = strata_of(kept)
    assert strata[7] == -1
    sizes = np.bincount(strata[strata >= 0])
    assert len(sizes) == 10 and sizes.min() > 30
    ordered = strata[np.argsort(lengths, kind="stable")]
    assert (np.diff(ordered) >= 0).all()
    alike = kept_of_lengths(np.full(300, 20))
    assert (strata_of(alike) == strata_of(alike)[0]).all()


def test_token_level_is_hypergeometric_where_rare_and_g_squared_elsewhere() -> None:
    n, n1, n2 = 10_000, np.array([100, 100, 2_000]), np.array([300, 300, 1_000])
    joint = np.array([7, 0, 150])
    found = token_tests(TwoByTwo.from_margins(joint, n1, n2, n))
    assert found.exact.tolist() == [True, True, False]
    null = stats.hypergeom(n, n1, n2)
    assert found.deviation == pytest.approx(null.std())
    assert found.expected == pytest.approx(null.mean())
    assert found.p_more[:2] == pytest.approx(null.sf(joint - 1)[:2])
    assert found.p_fewer[:2] == pytest.approx(null.cdf(joint)[:2])
    table = [[150, 1_850], [850, 7_150]]
    both_sides = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood").pvalue
    assert found.p_fewer[2] == pytest.approx(both_sides / 2)
    assert found.p_more[2] == pytest.approx(1 - both_sides / 2)


def test_same_numbers_for_any_memory_and_number_of_threads(stored: Stored) -> None:
    kept = stored.kept
    pairs = np.random.default_rng(0).integers(0, LATENTS, (300, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]

    def everything(memory: int) -> bytes:
        parts = [
            test(stored.activations, kept, pairs, memory_bytes=memory)
            for test in (shift_tests, document_tests)
        ]
        return b"".join(values.tobytes() for part in parts for values in vars(part).values())

    whole = everything(1 << 30)
    assert everything(50_000) == whole
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        assert everything(1 << 30) == whole
    finally:
        numba.set_num_threads(before)


def test_pairs_that_are_expected_too_rarely_are_not_tested(stored: Stored) -> None:
    kept = stored.kept
    pairs = np.array([[0, 10], [0, 1], [190, 0]])
    free = shift_tests(stored.activations, kept, pairs)
    bound = float(free.expected[:2].mean())
    found = shift_tests(stored.activations, kept, pairs, least_expected=bound)
    tested = free.expected >= bound
    assert tested.tolist().count(True) == 1
    assert (found.p_fewer[~tested] == 1).all() and (found.p_more[~tested] == 1).all()
    assert np.array_equal(found.observed, free.observed)
    assert np.array_equal(found.p_fewer[tested], free.p_fewer[tested])


def test_one_pair_of_a_bundle(planted_bundle: Bundle) -> None:
    tokens, shared, shift = significance.tests_of_pair(planted_bundle, 1, 8)
    assert [test.kind for test in (tokens, shared, shift)] == ["tokens", "documents", "shift"]
    a, b = (planted_bundle.activations.of_latent(i)[0] for i in (1, 8))
    assert tokens.observed == shift.observed == len(np.intersect1d(a, b))
    document = planted_bundle.tokens["document"].to_numpy()
    assert shared.observed == len(np.intersect1d(document[a], document[b]))
    pair = np.array([[1, 8]])
    many = shift_tests(planted_bundle.activations, planted_bundle.kept_tokens, pair)
    assert (shift.p_more, shift.p_fewer) == (many.p_more[0], many.p_fewer[0])
    assert shift.p_more < 1e-10 < shift.expected < tokens.observed
    swapped = significance.tests_of_pair(planted_bundle, 8, 1)
    assert [test.p_more for test in swapped] == [test.p_more for test in (tokens, shared, shift)]


def test_one_pair_with_a_dead_latent_and_with_itself(planted_bundle: Bundle) -> None:
    for test in significance.tests_of_pair(planted_bundle, 190, 0):
        assert (test.observed, test.expected, test.p_more, test.p_fewer) == (0, 0.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="two different"):
        significance.tests_of_pair(planted_bundle, 3, 3)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_benjamini_hochberg_is_scipys(p: list[float]) -> None:
    assert benjamini_hochberg(p, len(p)) == pytest.approx(stats.false_discovery_control(p))


def test_pairs_that_are_not_listed_count_as_one() -> None:
    p = np.array([1e-6, 0.2, 1e-4, 3e-5])
    whole = stats.false_discovery_control(np.concatenate([p, np.ones(996)]))
    assert benjamini_hochberg(p, 1_000) == pytest.approx(whole[:4])
    assert benjamini_hochberg([], 1_000).size == 0
    with pytest.raises(ValueError, match="family of 2"):
        benjamini_hochberg([0.1, 0.2, 0.3], 2)
