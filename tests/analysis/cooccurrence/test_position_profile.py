"""Position profiles against a plain version, and the shift test where firing follows position."""

from collections.abc import Callable

import numpy as np
import pytest

from analysis.bundle import KeptTokens
from analysis.cooccurrence import position_profile
from analysis.cooccurrence.null_models import PairTests, Positions, circular_shift
from analysis.cooccurrence.position_profile import (
    BINS,
    JointRates,
    Profiles,
    Stretches,
    bins_of,
    joint_rates,
    position_ratio,
    profiles,
    stretches,
)
from tests.analysis.cooccurrence import plain_profiles

LENGTHS = [*range(1, 40), 63, 64, 504, 511, 512, 1_075, 2_048]


def documents_of(lengths: list[int] | np.ndarray) -> KeptTokens:
    return KeptTokens.of(np.repeat(np.arange(len(lengths)), lengths), np.ones(sum(lengths), bool))


def positions_of(bits: np.ndarray) -> Positions:
    """The positions of latents whose bits [tokens, latents] are given."""
    return Positions(np.nonzero(bits.T)[1], np.cumsum(bits.sum(axis=0)))


def test_bins_of_every_position() -> None:
    kept = documents_of(LENGTHS)
    bins = bins_of(kept, np.arange(kept.total))
    assert bins.tolist() == plain_profiles.bins_of_documents(LENGTHS).tolist()
    assert bins.max() < BINS == plain_profiles.BINS


def test_masked_tokens_have_no_position() -> None:
    kept = KeptTokens.of(np.repeat([3, 8], [40, 5]), np.repeat([True, False, True], [20, 20, 5]))
    assert bins_of(kept, np.arange(25)).tolist() == [
        plain_profiles.bin_of(i, n) for n in (20, 5) for i in range(n)
    ]


def test_long_documents_are_cut_into_equal_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(position_profile, "LONGEST", 10)
    whole = stretches(documents_of([10, 25, 3]))
    assert whole.ends.tolist() == [10, 18, 26, 35, 38]


def test_a_stretch_has_at_most_2048_tokens() -> None:
    assert stretches(documents_of([2_048, 2_049])).ends.tolist() == [2_048, 2_048 + 1_024, 4_097]


def test_documents_without_kept_tokens_have_no_stretch() -> None:
    kept = KeptTokens.of(np.array([4, 4, 5, 6, 6]), np.array([1, 1, 0, 1, 0], bool))
    assert stretches(kept).ends.tolist() == [2, 3]


def test_widths_count_the_tokens_of_every_bin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(position_profile, "_PIECE", 7)
    monkeypatch.setattr(position_profile, "LONGEST", 300)
    kept = documents_of([5, 700, 41])
    whole = stretches(kept)
    bins = plain_profiles.bins_of_documents([5, 700, 41])
    spans = zip([0, *whole.ends[:-1]], whole.ends, strict=True)
    direct = [np.bincount(bins[start:stop], minlength=BINS) for start, stop in spans]
    assert np.array_equal(whole.widths, direct)
    given = Stretches.of(np.array([0, 5, 5, 705, 746]), bins.astype(np.uint8))
    assert given.ends.tolist() == [5, 705, 746]
    assert np.array_equal(given.widths.sum(axis=1), [5, 700, 41])


@pytest.mark.parametrize("rate", [0.01, 0.2])
def test_the_expected_count_is_that_of_the_plain_version(rate: float) -> None:
    rng = np.random.default_rng(3)
    lengths = rng.integers(5, 700, 12).tolist()
    kept = documents_of(lengths)
    place = np.concatenate([np.arange(n) / n for n in lengths])
    bits = rng.random((kept.total, 3)) < rate * np.where(place < 0.2, 4, 1)[:, None]
    bits[:, 2] = False
    positions, pairs = positions_of(bits), np.array([[0, 1], [0, 2]])
    tests = circular_shift(positions, bins_of(kept, positions.tokens), stretches(kept), pairs)
    document = np.repeat(np.arange(len(lengths)), lengths)
    bins = plain_profiles.bins_of_documents(lengths)
    direct = plain_profiles.expected_joint(document, bins, bits[:, 0], bits[:, 1])
    assert tests.expected == pytest.approx([direct, 0])
    assert tests.observed.tolist() == [(bits[:, 0] & bits[:, 1]).sum(), 0]


def test_flat_profiles_change_nothing() -> None:
    widths = np.arange(BINS, dtype=np.uint16)
    flat, zero = np.full(BINS, 0.5), np.zeros(BINS)
    assert position_ratio(widths, JointRates(flat, flat, flat**2, 1.0)) == pytest.approx(1)
    assert position_ratio(widths, JointRates(zero, flat, zero, 1.0)) == 1
    assert position_ratio(widths, JointRates(flat, flat, 3 * flat**2, 0.5)) == pytest.approx(2)


def test_a_burst_is_one_observation() -> None:
    kept = documents_of([1_000] * 4)
    # Bursts of 20 tokens, each in one bin of 20 tokens of a document: 80 of 4,000 tokens.
    bursts = np.concatenate([np.arange(1_500, 1_520), np.arange(3_200, 3_220)])
    bins = bins_of(kept, bursts)
    ends = np.array([20, 40, 40])
    apart = profiles(ends, bursts, bins, stretches(kept))
    assert apart.noise.tolist() == [np.inf] * 3  # each is in one document
    assert (apart.rates == 1).all()
    together = profiles(np.array([40]), bursts, bins, stretches(kept))
    assert together.rates[0, bins[0]] == pytest.approx((20 / 40) / (80 / 4_000))
    assert together.noise[0] == pytest.approx(2 / 1 * 2 * (4_000 / 80) * (20 / 40) ** 2)
    scattered = np.arange(0, 4_000, 100)
    spread = profiles(np.array([40]), scattered, bins_of(kept, scattered), stretches(kept))
    assert spread.noise[0] < 5 < together.noise[0]


def test_the_weight_falls_with_the_noise() -> None:
    shares = np.full(BINS, 1 / BINS)
    flat = Profiles(np.ones((2, BINS)), np.array([3.0, 7.0]), shares)
    none = np.zeros(BINS)
    assert joint_rates(flat, 0, 1, 100.0, none, 0.0).weight == pytest.approx(1 / (1 + 21 / BINS))
    first = np.zeros((2, BINS))
    first[:, 0] = BINS  # both fire in one bin only
    one = Profiles(first, np.array([3.0, 7.0]), shares)
    signal = (BINS - 1) ** 2
    assert joint_rates(one, 0, 1, 100.0, none, 0.0).weight == pytest.approx(
        signal / (signal + 21 / BINS)
    )
    assert joint_rates(flat, 0, 1, 100.0, none, 100.0).weight == 0
    lonely = Profiles(np.ones((2, BINS)), np.array([np.inf, 7.0]), shares)
    assert joint_rates(lonely, 0, 1, 100.0, none, 0.0).weight == 0


def test_latents_that_share_bursts_do_not_raise_their_own_null() -> None:
    kept = documents_of([1_000] * 40)
    rng = np.random.default_rng(5)
    starts = rng.choice(40, 6, replace=False) * 1_000 + rng.integers(0, 980, 6)
    bursts = np.sort((starts[:, None] + np.arange(20)).ravel())
    both = Positions(np.concatenate([bursts, bursts]), np.array([120, 240]))
    tests = circular_shift(both, bins_of(kept, both.tokens), stretches(kept), np.array([[0, 1]]))
    assert tests.observed[0] == 120
    assert tests.expected[0] < 2 * 6 * 20 * 20 / 1_000
    assert tests.p_more[0] < 1e-15


def test_two_latents_of_the_first_token_share_tokens_by_position_only() -> None:
    rng = np.random.default_rng(0)
    kept = documents_of([400] * 300)
    bits = np.zeros((kept.total, 2), dtype=bool)
    bits[::400] = rng.random((300, 2)) < 0.5
    positions = positions_of(bits)
    tests = circular_shift(
        positions, bins_of(kept, positions.tokens), stretches(kept), np.array([[0, 1]])
    )
    assert tests.observed[0] > 50
    assert tests.p_more[0] > 0.05


def rejected(trend: Callable[[np.ndarray], np.ndarray], corrected: bool, seed: int) -> PairTests:
    """The tests of 300 pairs that are independent at every position."""
    rng = np.random.default_rng(seed)
    kept = documents_of(np.full(60, 500))
    place = np.tile(np.arange(500), 60)
    bits = rng.random((kept.total, 600)) < 0.03 * trend(place)[:, None]
    positions = positions_of(bits)
    whole = stretches(kept)
    bins = bins_of(kept, positions.tokens)
    if not corrected:
        whole, bins = Stretches.of(whole.ends, np.zeros(kept.total, np.uint8)), np.zeros_like(bins)
    return circular_shift(positions, bins, whole, np.arange(600).reshape(-1, 2))


@pytest.mark.parametrize(
    "trend",
    [
        pytest.param(lambda place: np.where(place < 50, 5, 1), id="first tenth"),
        pytest.param(lambda place: np.where(place >= 435, 4, 1), id="last tokens"),
        pytest.param(lambda place: 3 * (1 - place / 500), id="declining"),
    ],
)
def test_latents_that_follow_position_are_not_called_related(
    trend: Callable[[np.ndarray], np.ndarray],
) -> None:
    tests = rejected(trend, True, 11)
    assert 0.015 <= (tests.p_more <= 0.05).mean() <= 0.08
    assert (tests.p_fewer <= 0.05).mean() <= 0.08
    assert (rejected(trend, False, 11).p_more <= 0.05).mean() > 0.25
