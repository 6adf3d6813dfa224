"""The kept partners against the plain algorithm, dense products and plain sorting."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.cooccurrence.association import MEASURES, TwoByTwo, phi, wilson_interval
from analysis.cooccurrence.strongest import Kept, Ranking, implying_joint, strongest_partners
from analysis.runtime.arrays import Bools
from tests.analysis.cooccurrence.dense import gram_of, incidence_of, must_and_may, plain_partners
from tests.threads import threads

RANKING = Ranking(4, 10)


def random_bits(seed: int, units: int, latents: int, density: float) -> Bools:
    """Skewed, with some latents that follow others, one dead and one always on."""
    rng = np.random.default_rng(seed)
    rates = np.minimum(density * np.exp(rng.normal(0, 1.2, latents)), 0.9)
    bits = rng.random((units, latents)) < rates
    bits[:, 3] = bits[:, 1] & (rng.random(units) < 0.97)
    bits[:, 4] = bits[:, 1]
    bits[:, 5] = False
    bits[:, 6] = True
    return bits


def pairs_of(kept: Kept, start: int = 0) -> dict[tuple[int, int], int]:
    latents = np.repeat(np.arange(start, start + len(kept.sizes)), kept.sizes)
    keys = zip(latents.tolist(), kept.partners.tolist(), strict=True)
    return dict(zip(keys, kept.joint.tolist(), strict=True))


@pytest.mark.parametrize(
    ("units", "latents", "density"), [(900, 64, 0.05), (4_000, 150, 0.002), (6_000, 40, 0.3)]
)
def test_kept_joint_counts_are_exact_and_no_strong_partner_is_missing(
    units: int, latents: int, density: float
) -> None:
    # Counting scans whole rows in the first case and lists what it touched in the second. In the
    # third, most joint counts are too large to be collected by joint count.
    bits = random_bits(0, units, latents, density)
    gram = gram_of(bits)
    found = pairs_of(strongest_partners(incidence_of(bits), 0, latents, RANKING))
    assert all(gram[pair] == joint for pair, joint in found.items())
    for a in range(latents):
        mine = {b for first, b in found if first == a}
        must, may = must_and_may(gram, units, a, RANKING)
        assert must <= mine <= may


def test_only_weak_partners_are_left_out_of_many() -> None:
    bits = random_bits(1, 3_000, 700, 0.02)
    gram = gram_of(bits)
    found = pairs_of(strongest_partners(incidence_of(bits), 0, 700, RANKING))
    assert (gram > 0).sum() > 20 * len(found), "the test needs many partners that are left out"
    for a in range(0, 700, 7):
        must, may = must_and_may(gram, 3_000, a, RANKING)
        assert must <= {b for first, b in found if first == a} <= may


def test_sixty_four_latents_with_all_partners_equal_brute_force() -> None:
    bits = random_bits(2, 800, 64, 0.05)
    found = pairs_of(strongest_partners(incidence_of(bits), 0, 64, Ranking(64, 1)))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.corrcoef(bits.T.astype(float))
    n = bits.sum(axis=0)
    for a in range(64):
        for b in range(64):
            both = int((bits[:, a] & bits[:, b]).sum())
            assert found.get((a, b), 0) == (both if a != b else 0)
            if not both or a == b:
                continue
            table = TwoByTwo.from_margins(found[a, b], int(n[a]), int(n[b]), 800)
            union = int((bits[:, a] | bits[:, b]).sum())
            direct = {
                "phi": correlation[a, b] if np.isfinite(correlation[a, b]) else 0.0,
                "jaccard": both / union,
                "p_b_given_a": bits[bits[:, a], b].mean(),
                "lift": bits[bits[:, a], b].mean() / bits[:, b].mean(),
                "overlap": both / min(n[a], n[b]),
            }
            for name, value in direct.items():
                assert float(MEASURES[name].of(table)) == pytest.approx(value, abs=1e-9)


def test_rows_descend_in_phi_then_ascend_in_id() -> None:
    bits = random_bits(3, 900, 64, 0.05)
    kept = strongest_partners(incidence_of(bits), 0, 64, RANKING)
    n = bits.sum(axis=0)
    latent = np.repeat(np.arange(64), kept.sizes)
    value = phi(TwoByTwo.from_margins(kept.joint, n[latent], n[kept.partners], 900))
    same = latent[1:] == latent[:-1]
    step, ids = np.diff(value), np.diff(kept.partners)
    assert (step[same] <= 1e-12).all() and (ids[same & (step == 0)] > 0).all()


@pytest.mark.parametrize(
    ("units", "latents", "density", "ranking"),
    [
        (60, 20, 0.2, Ranking(3, 2)),  # small counts, so that many scores tie
        (900, 48, 0.05, Ranking(4, 10)),
        (2_400, 24, 0.6, Ranking(2, 10)),  # joint counts on both sides of 1,024
        (300, 80, 0.004, Ranking(5, 3)),
        (40, 12, 0.3, Ranking(1, 1)),
        (40, 12, 0.3, Ranking(30, 1)),  # more than there are
    ],
)
def test_rows_equal_the_plain_algorithm(
    units: int, latents: int, density: float, ranking: Ranking
) -> None:
    bits = random_bits(5, units, latents, density)
    kept = strongest_partners(incidence_of(bits), 0, latents, ranking)
    found = list(zip(kept.partners.tolist(), kept.joint.tolist(), strict=True))
    ends = np.cumsum(kept.sizes)
    for a in range(latents):
        assert found[ends[a] - kept.sizes[a] : ends[a]] == plain_partners(bits, a, ranking)


@pytest.mark.parametrize("units", [5, 1_500])
def test_ties_go_to_the_smaller_id(units: int) -> None:
    """By small joint counts and by those of 1,024 or more."""
    always_on = incidence_of(np.ones((units, 6), dtype=bool))
    kept = strongest_partners(always_on, 3, 4, Ranking(2, 1))
    assert kept.partners.tolist() == [0, 1] and kept.joint.tolist() == [units, units]


def test_joint_counts_around_the_limit_of_the_groups_are_exact() -> None:
    bits = np.zeros((1_200, 8), dtype=bool)
    bits[:1_100, 0] = True
    for latent, joint in enumerate((1_022, 1_023, 1_024, 1_025, 1_024, 1_023), start=1):
        bits[:joint, latent] = True
    kept = strongest_partners(incidence_of(bits), 0, 1, Ranking(8, 1))
    assert dict(zip(kept.partners.tolist(), kept.joint.tolist(), strict=True)) == {
        1: 1_022, 2: 1_023, 3: 1_024, 4: 1_025, 5: 1_024, 6: 1_023,
    }  # fmt: skip


def test_npmi_ranks_pairs_from_the_minimum_joint_count_on() -> None:
    """Latent 1 shares five units with latent 0 and is its strongest partner by NPMI only.

    Latent 2 is first by the joint count; latent 3 by phi, Jaccard and P(a given b), on four units.
    """
    bits = np.zeros((4_000, 4), dtype=bool)
    bits[:8, 0] = True
    bits[:5, 1] = bits[100:105, 1] = True
    bits[:8, 2] = bits[200:216, 2] = True
    bits[:4, 3] = True
    incidence = incidence_of(bits)
    for minimum, partners in ((5, {1, 2, 3}), (6, {2, 3}), (4, {2, 3})):
        kept = strongest_partners(incidence, 0, 1, Ranking(1, minimum))
        assert set(kept.partners.tolist()) == partners


@pytest.mark.parametrize(("joint", "partners"), [(96, {1, 2, 3}), (95, {2, 3})])
def test_implied_lift_ranks_from_wilsons_bound_on(joint: int, partners: set[int]) -> None:
    """Of 100 units, 96 is the fewest whose lower bound reaches .9.

    Latent 1 can only be first by implied lift; latent 2 is first by the joint count and latent 3 by
    the other four.
    """
    bits = np.zeros((1_000, 4), dtype=bool)
    bits[:100, 0] = True
    bits[:joint, 1] = bits[100:124, 1] = True
    bits[:100, 2] = bits[200:300, 2] = True
    bits[:95, 3] = bits[100, 3] = True
    kept = strongest_partners(incidence_of(bits), 0, 1, Ranking(1, 10))
    assert set(kept.partners.tolist()) == partners


def test_equal_joint_counts_go_to_the_rarer_partner_and_equal_shares_to_more_evidence() -> None:
    bits = np.zeros((40, 6), dtype=bool)
    bits[:20, 0] = True
    bits[:4, 1] = bits[:4, 2] = bits[:4, 3] = True
    bits[20:30, 1] = bits[20:22, 2] = True  # 4 of 14, 4 of 6, 4 of 4
    bits[5:7, 4] = True  # 2 of 2
    assert strongest_partners(incidence_of(bits), 0, 1, Ranking(1, 10)).partners.tolist() == [3]


def test_any_division_into_blocks_gives_the_same() -> None:
    incidence = incidence_of(random_bits(4, 900, 90, 0.03))
    whole = strongest_partners(incidence, 0, 90, RANKING)
    cuts = [strongest_partners(incidence, a, b, RANKING) for a, b in ((0, 1), (1, 40), (40, 90))]
    for name in Kept._fields:
        joined = np.concatenate([getattr(cut, name) for cut in cuts])
        assert np.array_equal(joined, getattr(whole, name))


def test_one_thread_and_four_give_the_same() -> None:
    incidence = incidence_of(random_bits(4, 900, 90, 0.03))
    with threads(1):
        one = strongest_partners(incidence, 0, 90, RANKING)
    with threads(4):
        four = strongest_partners(incidence, 0, 90, RANKING)
    for name in Kept._fields:
        assert np.array_equal(getattr(one, name), getattr(four, name))


def test_ranks_of_more_than_65_536_latents_are_32_bits() -> None:
    bits = random_bits(6, 400, 60, 0.05)
    narrow = incidence_of(bits)
    wide = replace(narrow, ranks=narrow.ranks.astype(np.uint32))
    for name in Kept._fields:
        assert np.array_equal(
            getattr(strongest_partners(wide, 0, 60, RANKING), name),
            getattr(strongest_partners(narrow, 0, 60, RANKING), name),
        )


def test_implying_joint_is_wilsons_lower_bound_turned_round() -> None:
    n = np.arange(1, 4_000)
    fewest = implying_joint(n)
    reached, _ = wilson_interval(np.minimum(fewest, n), n)
    below, _ = wilson_interval(np.minimum(fewest - 1, n), n)
    assert (reached[fewest <= n] >= 0.9 - 1e-12).all()
    assert (below[fewest <= n] < 0.9).all()
    assert (reached[fewest > n] < 0.9).all(), "there, even n of n is not enough"


def bits_strategy() -> st.SearchStrategy[Bools]:
    return st.builds(
        random_bits,
        st.integers(0, 2**31),
        st.integers(30, 120),
        st.integers(8, 24),
        st.floats(0.01, 0.4),
    )


ALL = Ranking(24, 1)


@given(bits=bits_strategy(), seed=st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_permuting_latents_and_units_permutes_the_pairs(bits: Bools, seed: int) -> None:
    rng = np.random.default_rng(seed)
    latents, units = rng.permutation(bits.shape[1]), rng.permutation(len(bits))
    found = pairs_of(strongest_partners(incidence_of(bits), 0, bits.shape[1], ALL))
    moved = pairs_of(
        strongest_partners(incidence_of(bits[np.ix_(units, latents)]), 0, bits.shape[1], ALL)
    )
    assert {(latents[a], latents[b]): j for (a, b), j in moved.items()} == found
    assert all(found[b, a] == joint for (a, b), joint in found.items())


@given(bits=bits_strategy())
@settings(max_examples=25, deadline=None)
def test_doubling_the_corpus_doubles_counts_and_leaves_shares(bits: Bools) -> None:
    F, n = bits.shape[1], bits.sum(axis=0)
    once = pairs_of(strongest_partners(incidence_of(bits), 0, F, ALL))
    twice = pairs_of(strongest_partners(incidence_of(np.vstack([bits, bits])), 0, F, ALL))
    silent = np.vstack([bits, np.zeros_like(bits)])
    padded = pairs_of(strongest_partners(incidence_of(silent), 0, F, ALL))
    assert twice == {pair: 2 * joint for pair, joint in once.items()} and padded == once
    for (a, b), joint in once.items():
        small = TwoByTwo.from_margins(joint, int(n[a]), int(n[b]), len(bits))
        large = TwoByTwo.from_margins(2 * joint, 2 * int(n[a]), 2 * int(n[b]), 2 * len(bits))
        for name in ("phi", "jaccard", "dice", "overlap", "p_b_given_a", "lift", "npmi"):
            measure = MEASURES[name].of
            assert float(measure(small)) == pytest.approx(float(measure(large)), abs=1e-12)


def test_joint_counts_that_two_bytes_cannot_hold() -> None:
    # Latents 0 to 2 share more units than that; 3 and 4 are counted beside them in two bytes.
    units = np.arange(70_000)
    bits = np.column_stack([units >= 0, units < 69_000, units >= 2_000, units < 65_535, units < 9])
    gram = gram_of(bits)
    assert gram[1, 2] == 67_000
    found = pairs_of(strongest_partners(incidence_of(bits), 0, 5, Ranking(5, 1)))
    assert found == {(a, b): gram[a, b] for a, b in np.ndindex(5, 5) if a != b and gram[a, b]}
