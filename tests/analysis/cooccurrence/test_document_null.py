"""The permutation of documents against enumeration, scipy and simulation."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.cooccurrence import document_null
from analysis.cooccurrence.document_null import document_parts, document_permutation, strata_of
from analysis.cooccurrence.null_models import Positions
from analysis.cooccurrence.tails import LARGEST_CONVOLUTION, tails_of_sum
from tests.analysis.cooccurrence.test_null_models import PAIR, kept_documents


def test_documents_of_two_strata_are_the_enumeration_of_both() -> None:
    lengths = np.array([10, 11, 11, 12, 31, 32, 33])
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
    parts = document_null._stratum_chances(np.array([n]), np.array([n_a]), np.array([n_b]))
    values = np.arange(len(parts.chances)) + parts.lows[0]
    assert (values[0], values[-1]) == (max(0, n_a + n_b - n), min(n_a, n_b))
    expected = stats.hypergeom.pmf(values, n, n_a, n_b)
    assert parts.chances == pytest.approx(expected, rel=1e-10, abs=1e-300)


def plain_strata(lengths: list[int]) -> list[int]:
    """Strata of positive lengths that ascend."""
    strata: list[list[int]] = []
    for length in lengths:
        open_stratum = strata and (
            length == strata[-1][-1] or (len(strata[-1]) < 16 and length <= 1.2 * strata[-1][0])
        )
        if open_stratum:
            strata[-1].append(length)
        else:
            strata.append([length])
    return [i for i, stratum in enumerate(strata) for _ in stratum]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=120))
def test_strata_are_those_of_the_plain_version(lengths: list[int]) -> None:
    order = np.argsort(lengths, kind="stable")
    assert strata_of(kept_documents(lengths))[order].tolist() == plain_strata(sorted(lengths))


def test_strata_are_narrow_and_leave_out_empty_documents() -> None:
    lengths = np.random.default_rng(0).integers(1, 500, 400)
    lengths[7] = 0
    strata = strata_of(kept_documents(lengths))
    assert strata[7] == -1
    for stratum in range(strata.max() + 1):
        own = lengths[strata == stratum]
        assert own.max() <= 1.2 * own.min()
        assert len(own) <= 16 or own.max() == np.sort(own)[15]


def test_documents_of_one_length_share_a_stratum() -> None:
    assert set(strata_of(kept_documents([20] * 300)).tolist()) == {0}


def test_a_document_that_is_half_of_the_corpus_is_not_compared() -> None:
    lengths = np.array([100] * 30 + [3_000])
    strata = strata_of(kept_documents(lengths))
    assert strata.tolist() == [0] * 30 + [1]


@pytest.mark.parametrize("slope", [0.0, 2.0])
def test_topics_that_follow_length_do_not_mislead_the_document_test(slope: float) -> None:
    rng = np.random.default_rng(8)
    lengths = np.exp(rng.normal(6, 1, 1_000)).astype(int) + 5
    kept = kept_documents(lengths)
    level = rng.uniform(-2, 0.5, (600, 1)) + slope * (np.log(lengths) - 6)
    fires = rng.random((600, len(lengths))) < 1 / (1 + np.exp(-level))
    starts = kept.ends - lengths
    positions = Positions(
        np.concatenate([starts[each] for each in fires]), np.cumsum(fires.sum(axis=1))
    )
    tests = document_permutation(positions, kept, strata_of(kept), np.arange(600).reshape(-1, 2))
    assert 0.02 <= (tests.p_more <= 0.05).mean() <= 0.065


def test_the_parts_of_one_pair_give_its_test() -> None:
    rng = np.random.default_rng(2)
    kept = kept_documents(rng.integers(5, 40, 60))
    bits = rng.random((kept.total, 2)) < 0.02
    positions = Positions(np.nonzero(bits.T)[1], np.cumsum(bits.sum(axis=0)))
    tests = document_permutation(positions, kept, strata_of(kept), PAIR)
    parts = document_parts(positions, kept, strata_of(kept))
    tails = tails_of_sum(parts, int(tests.observed[0]), LARGEST_CONVOLUTION)
    assert (tails.mean, tails.std) == (tests.expected[0], tests.std[0])
    assert (tails.more, tails.fewer) == (tests.p_more[0], tests.p_fewer[0])
