"""Which cuts become levels: by hand on small cuts, and every cut on blobs."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import linkage

from analysis.clusters import levels as module
from analysis.clusters.levels import COARSER, FEWEST, Cut, all_cuts, choose_levels
from analysis.clusters.stability import WEAK


def cut(clusters: int, stability: float, smallest: int = 5, covered: float = 1.0) -> Cut:
    """A cut of 1,000 latents into clusters of equal size."""
    labels = np.arange(1_000) % clusters
    labels[round(1_000 * covered) :] = -1
    return Cut((labels,), stability, smallest)


def test_a_cut_knows_its_clusters_and_worth() -> None:
    one = cut(10, 0.8, covered=0.4)
    assert (one.clusters, one.covered) == (10, 0.4)
    assert one.worth == pytest.approx(0.32)
    none = Cut((np.full(5, -1),), 0.9)
    assert (none.clusters, none.covered, none.worth) == (0, 0, 0)
    assert Cut((np.empty(0, int),), 0.0).covered == 0


def test_the_finest_level_is_the_most_stable_of_the_fine_cuts() -> None:
    fine = [cut(100, 0.7), cut(90, 0.9, smallest=8), cut(60, 0.8, smallest=10)]
    too_coarse = cut(80, 1.0, smallest=11)
    assert choose_levels([*fine, too_coarse], 5) == [fine[1]]
    assert choose_levels([cut(100, 0.7), cut(90, 0.7)], 5)[0].clusters == 100


def test_a_cut_with_less_than_half_of_the_clusters_is_not_fine() -> None:
    assert choose_levels([cut(100, 0.7), cut(49, 0.9)], 5)[0].clusters == 100
    assert choose_levels([cut(100, 0.7), cut(50, 0.9)], 5)[0].clusters == 50


@pytest.mark.parametrize(("clusters", "chosen"), [(41, False), (40, True), (10, True), (9, False)])
def test_a_coarser_level_has_fewer_clusters_by_a_factor_in_the_range(
    clusters: int, chosen: bool
) -> None:
    fine = cut(100, 0.9)
    assert COARSER == (2.5, 10.0)
    assert (len(choose_levels([fine, cut(clusters, 0.8, 20)], 5)) == 2) == chosen


@pytest.mark.parametrize(("stability", "chosen"), [(WEAK, True), (WEAK - 0.01, False)])
def test_a_coarser_level_must_not_be_weak(stability: float, chosen: bool) -> None:
    assert (len(choose_levels([cut(100, 0.9), cut(20, stability, 20)], 5)) == 2) == chosen


def test_a_weak_finest_level_is_kept() -> None:
    assert choose_levels([cut(100, 0.1)], 5)[0].stability == 0.1


def test_the_coarser_level_of_most_worth_is_chosen() -> None:
    stable, covering = cut(20, 0.9, 20, covered=0.5), cut(20, 0.6, 20)
    assert choose_levels([cut(100, 0.9), stable, covering], 5)[1] is covering


def test_there_are_at_most_three_levels_and_none_of_two_clusters() -> None:
    ladder = [cut(200, 0.9), cut(60, 0.9, 20), cut(20, 0.9, 40), cut(6, 0.9, 80)]
    assert [one.clusters for one in choose_levels(ladder, 5)] == [200, 60, 20]
    assert FEWEST == 3
    assert len(choose_levels([cut(10, 0.9), cut(2, 0.9, 40)], 5)) == 1
    assert len(choose_levels([cut(10, 0.9), cut(3, 0.9, 40)], 5)) == 2


def test_no_clusters_no_levels() -> None:
    assert choose_levels([Cut((np.full(9, -1),), 0.0, 5)], 5) == []


def test_every_cut_is_tried_until_few_clusters_are_left() -> None:
    points = np.concatenate([1_000 * i + np.arange(20) ** 1.01 for i in range(6)])
    tree = linkage(points[:, None], "single")
    cuts = all_cuts([tree, tree, tree], 5)
    assert [one.smallest for one in cuts] == [5, 5, 8, 8, 13, 13, 21, 21]
    assert [one.extraction for one in cuts[:2]] == ["leaf", "eom"]
    assert all(one.clusters == 6 for one in cuts[:6] if one.extraction == "eom")
    assert all(one.clusters < FEWEST for one in cuts[6:])
    assert all(one.stability == pytest.approx(1) for one in cuts[:6])
    assert module.RUNG == 1.6


def test_sizes_stop_at_a_third_of_the_latents() -> None:
    points = np.concatenate([1_000 * i + np.arange(20) ** 1.01 for i in range(3)])
    tree = linkage(points[:, None], "single")
    assert max(one.smallest for one in all_cuts([tree, tree], 5)) == 13
    assert {one.smallest for one in all_cuts([tree, tree], 20)} == {20}
    assert {one.smallest for one in all_cuts([tree, tree], 50)} == {50}
