"""Which cuts become levels: by hand on small cuts, and every cut on planted groups."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from analysis.clusters.levels import (
    APART,
    FEWEST,
    RUNG,
    Cut,
    all_cuts,
    choose_levels,
    smallest_resampled,
)
from analysis.clusters.repeats import Repeats, repeats
from analysis.clusters.stability import WEAK
from analysis.decoder.graph import decoder_graph
from tests.analysis.clusters.conftest import GROUPS, MEMBERS, planted


def cut(clusters: int, agreement: float, smallest: int = 5, covered: float = 1.0) -> Cut:
    """A cut of 1,000 latents into clusters of equal size."""
    labels = np.arange(1_000) % max(clusters, 1)
    labels[round(1_000 * covered) if clusters else 0 :] = -1
    return Cut((labels,), agreement, smallest, "leaf", np.ones(clusters), np.ones(clusters))


def no_null(cut: Cut) -> float:
    return 0.0


def test_a_cut_knows_its_clusters_and_worth() -> None:
    one = cut(10, 0.8, covered=0.4)
    assert (one.clusters, one.covered, one.key) == (10, 0.4, (5, "leaf"))
    # Ten clusters of 40 of 1,000 latents each.
    assert one.information == pytest.approx(10 * 0.04 * math.log(25) / math.log(1_000))
    assert one.worth == pytest.approx(0.8 * one.information)
    assert cut(1_000, 1.0).information == pytest.approx(1) and cut(1, 1.0).information == 0
    assert (cut(0, 0.9).clusters, cut(0, 0.9).covered, cut(0, 0.9).worth) == (0, 0, 0)


def test_the_cut_that_is_worth_most_is_shown_first_and_not_the_one_with_most_clusters() -> None:
    shattered, right = cut(560, 0.6, covered=0.45), cut(40, 1.0, 8, covered=0.98)
    levels, first = choose_levels([shattered, right], no_null)
    assert levels[first] is right
    levels, first = choose_levels([cut(100, 0.9), cut(90, 0.9, 8, covered=0.9)], no_null)
    assert levels[first].clusters == 100


def test_worth_is_that_above_the_null() -> None:
    fine, coarse = cut(200, 0.6, covered=0.5), cut(12, 0.9, 54)
    nulls = {200: 0.01, 12: 0.3}
    levels, first = choose_levels([fine, coarse], lambda one: nulls[one.clusters])
    assert levels[first] is fine
    levels, first = choose_levels([fine, coarse], no_null)
    assert levels[first] is coarse


def above(worths: dict[int, float]) -> Callable[[Cut], float]:
    """Nulls that leave these worths to cuts, by their number of clusters."""
    return lambda one: one.worth - worths[one.clusters]


@pytest.mark.parametrize(("less", "chosen"), [(0.9, 60), (1.1, 50)])
def test_of_cuts_that_are_worth_nearly_as_much_the_finer_is_taken(less: float, chosen: int) -> None:
    cuts = [cut(60, 0.9), cut(50, 0.9, 8)]
    levels, first = choose_levels(cuts, above({60: 0.5 - less * 0.01, 50: 0.5}))
    assert levels[first].clusters == chosen


def test_of_cuts_that_are_worth_nearly_as_much_that_with_most_believable_clusters_is_taken() -> (
    None
):
    cuts = [cut(60, 0.9), cut(50, 0.9, 8)]
    worths = above({60: 0.5, 50: 0.5})
    levels, first = choose_levels(cuts, worths, lambda one: {60: 3, 50: 40}[one.clusters])
    assert levels[first].clusters == 50


def test_noise_in_one_cluster_is_not_worth_more_than_the_planted_clusters() -> None:
    """40 clusters of 10 among 600 latents of noise, or four parts, one of them all the noise."""
    right = np.append(np.arange(400) // 10, np.full(600, -1))
    parts = np.append(np.arange(400) // 134, np.full(600, 3))
    fine = Cut((right,), 1.0, 5, "leaf", np.ones(40), np.ones(40))
    coarse = Cut((parts,), 0.95, 100, "leaf", np.ones(4), np.ones(4))
    levels, first = choose_levels([fine, coarse], no_null)
    assert levels[first] is fine


@pytest.mark.parametrize(("clusters", "chosen"), [(41, False), (40, True), (10, True), (9, False)])
def test_a_coarser_level_has_fewer_clusters_by_a_factor_in_the_range(
    clusters: int, chosen: bool
) -> None:
    fine = cut(100, 0.9)
    assert APART == (2.5, 10.0)
    levels, first = choose_levels([fine, cut(clusters, 0.8, 20)], no_null)
    assert (len(levels) == 2) == chosen and levels[first] is fine and first == 0


@pytest.mark.parametrize(("clusters", "chosen"), [(249, False), (250, True), (1_000, True)])
def test_a_finer_level_comes_before_the_one_that_is_shown_first(
    clusters: int, chosen: bool
) -> None:
    right = cut(100, 0.9, 8)
    levels, first = choose_levels([cut(clusters, 0.55), right], no_null)
    assert (len(levels) == 2) == chosen and levels[first] is right and first == int(chosen)


@pytest.mark.parametrize(
    ("agreement", "null", "chosen"),
    [(WEAK, 0.0, True), (WEAK - 0.01, 0.0, False), (0.7, 0.7, False), (0.7, 0.69, True)],
)
def test_other_levels_are_not_weak_and_are_worth_more_than_their_null(
    agreement: float, null: float, chosen: bool
) -> None:
    cuts = [cut(100, 0.9), cut(20, agreement, 20)]
    # A null with the information of the cut, and this agreement.
    nulls = {20: null * cuts[1].information, 100: 0.0}
    levels, _ = choose_levels(cuts, lambda one: nulls[one.clusters])
    assert (len(levels) == 2) == chosen


def test_a_weak_first_level_is_kept() -> None:
    levels, first = choose_levels([cut(100, 0.1)], no_null)
    assert levels[first].agreement == 0.1


def test_there_are_at_most_three_levels_and_none_of_two_clusters() -> None:
    ladder = [cut(200, 0.95), cut(60, 0.9, 20), cut(20, 0.9, 40), cut(6, 0.9, 80)]
    levels, first = choose_levels(ladder, no_null)
    assert [one.clusters for one in levels] == [200, 60, 20] and first == 0
    levels, first = choose_levels([cut(200, 0.7), cut(60, 0.95, 20), *ladder[2:]], no_null)
    assert [one.clusters for one in levels] == [200, 60, 20] and first == 1
    assert FEWEST == 3
    assert len(choose_levels([cut(10, 0.9), cut(2, 0.9, 40)], no_null)[0]) == 1
    assert len(choose_levels([cut(10, 0.9), cut(3, 0.9, 40)], no_null)[0]) == 2
    # Two clusters are shown only if there is nothing else.
    assert choose_levels([cut(10, 0.4), cut(2, 1.0, 40)], no_null)[0][0].clusters == 10
    assert choose_levels([cut(2, 0.4)], no_null)[0][0].clusters == 2


def test_no_clusters_no_levels() -> None:
    assert choose_levels([cut(0, 0.0)], no_null) == ([], 0)
    assert choose_levels([], no_null) == ([], 0)


@pytest.fixture(scope="module")
def repeated() -> Repeats:
    W, everyone = planted(), np.ones(GROUPS * MEMBERS, dtype=bool)
    return repeats(decoder_graph(W, eligible=everyone, k=30), everyone, W)


def test_every_cut_is_tried_until_few_clusters_are_left(repeated: Repeats) -> None:
    cuts = list(all_cuts(repeated, 5))
    sizes = sorted({one.smallest for one in cuts})
    assert sizes[:4] == [5, 8, 13, 21] and RUNG == 1.6
    assert [one.extraction for one in cuts] == ["leaf", "eom"] * len(sizes)
    assert all(max(c.clusters for c in cuts[i : i + 2]) >= FEWEST for i in range(0, 8, 2))
    assert max(sizes) <= GROUPS * MEMBERS / FEWEST
    for one in cuts:
        assert len(one.stability) == len(one.bootstrap) == one.clusters
        assert len(one.by_seed) == 3
    groups = next(one for one in cuts if one.clusters == GROUPS)
    assert groups.agreement >= 0.95
    assert np.median(groups.stability) >= 0.95 and np.median(groups.bootstrap) >= 0.9


def test_without_trees_there_are_no_cuts() -> None:
    assert list(all_cuts(Repeats(np.arange(4, dtype=np.int32), (), ()), 5)) == []


@pytest.mark.parametrize(("size", "fewer"), [(5, 3), (10, 8), (3, 2), (2, 2)])
def test_a_cluster_of_the_smallest_size_may_lose_two_members(size: int, fewer: int) -> None:
    assert smallest_resampled(size) == fewer
