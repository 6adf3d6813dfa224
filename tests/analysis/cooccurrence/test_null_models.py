"""The shift of pairs against enumeration and simulation."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.bundle import KeptTokens
from analysis.cooccurrence.null_models import (
    PairTests,
    Positions,
    circular_shift,
    shift_parts,
)
from analysis.cooccurrence.position_profile import Stretches, bins_of, stretches
from analysis.cooccurrence.tails import LARGEST_CONVOLUTION, tails_of_sum

PAIR = np.array([[0, 1]])


def kept_documents(lengths: np.ndarray | list[int]) -> KeptTokens:
    """Documents with these numbers of kept tokens; an empty one has a masked token."""
    n = np.asarray(lengths)
    rows = np.maximum(n, 1)
    return KeptTokens.of(np.repeat(np.arange(len(n)), rows), np.repeat(n > 0, rows))


def in_one_bin(positions: Positions, ends: np.ndarray) -> tuple[Positions, np.ndarray, Stretches]:
    """The positions, with all tokens in one bin: the profiles are flat and correct nothing."""
    zeros = np.zeros(int(ends[-1]), dtype=np.uint8)
    return positions, np.zeros(len(positions.tokens), np.uint8), Stretches.of(ends, zeros)


def shift_of(bits: list[np.ndarray]) -> PairTests:
    """The shift test of the pair whose bits [T, 2] in each document are given."""
    a, b = (np.flatnonzero(column) for column in np.concatenate(bits).T)
    positions = Positions(np.concatenate([a, b]), np.cumsum([len(a), len(b)]))
    return circular_shift(*in_one_bin(positions, np.cumsum([len(each) for each in bits])), PAIR)


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


def test_the_parts_of_one_pair_give_its_tests() -> None:
    rng = np.random.default_rng(2)
    kept = kept_documents([200] * 20 + [700] * 5)
    place = np.concatenate([np.arange(n) for n in kept.lengths])
    bits = rng.random((kept.total, 2)) < np.where(place < 30, 0.2, 0.02)[:, None]
    positions = Positions(np.nonzero(bits.T)[1], np.cumsum(bits.sum(axis=0)))
    bins, whole = bins_of(kept, positions.tokens), stretches(kept)
    tests = circular_shift(positions, bins, whole, PAIR)
    parts = shift_parts(positions, bins, whole)
    tails = tails_of_sum(parts, int(tests.observed[0]), LARGEST_CONVOLUTION)
    assert (tails.mean, tails.std) == (tests.expected[0], tests.std[0])
    assert (tails.more, tails.fewer) == (tests.p_more[0], tests.p_fewer[0])


def test_pairs_below_the_least_expected_count_are_counted_but_not_tested() -> None:
    # In four documents of two tokens each latent fires on one: 4 * 1 * 1 / 2 = 2 are expected.
    bits = [np.array([[1, 1], [0, 0]], dtype=bool)] * 4
    a = np.arange(4) * 2
    positions = Positions(np.concatenate([a, a]), np.array([4, 8]))
    ends = np.cumsum([len(each) for each in bits])
    tested = circular_shift(*in_one_bin(positions, ends), PAIR, least_expected=2.0)
    assert (tested.observed[0], tested.expected[0], tested.p_more[0]) == (4, 2, 1 / 16)
    not_tested = circular_shift(*in_one_bin(positions, ends), PAIR, least_expected=2.0000001)
    assert (not_tested.observed[0], not_tested.expected[0]) == (4, 2)
    assert (not_tested.p_more[0], not_tested.p_fewer[0]) == (1, 1)
    assert not not_tested.exact[0]


def test_take_keeps_pairs_together() -> None:
    tests = shift_of([np.eye(2, dtype=bool), np.ones((3, 2), dtype=bool)])
    twice = tests.take(np.array([0, 0]))
    assert all(column.tolist() == [one[0]] * 2 for column, one in zip(twice, tests, strict=True))
    assert all(len(column) == 0 for column in tests.take(np.array([False])))
