"""The densest part of a group of points, against planted groups."""

import numpy as np
import pytest

from charts.densest_places import MOST_POINTS, densest_places


def test_the_place_is_in_the_dense_lobe_and_not_between_lobes() -> None:
    rng = np.random.default_rng(0)
    dense = rng.normal((5, 5), 0.1, (30, 2))
    wide = rng.normal((-5, 0), 2.0, (60, 2))
    places = np.concatenate([wide, dense])
    place = densest_places(places, np.zeros(90, np.int32), np.array([0]))[0]
    assert np.hypot(*(place - 5)) < 0.3
    # The median, where names were placed before, is in neither part.
    assert np.hypot(*(np.median(places, axis=0) - 5)) > 3


def test_a_ring_has_its_place_on_the_ring() -> None:
    angle = np.random.default_rng(1).uniform(0, 2 * np.pi, 200)
    places = np.column_stack([np.cos(angle), np.sin(angle)])
    place = densest_places(places, np.zeros(200, np.int32), np.array([0]))[0]
    assert np.hypot(*place) > 0.7


def test_every_group_has_its_own_place_and_missing_points_do_not_count() -> None:
    rng = np.random.default_rng(2)
    group = np.repeat(np.arange(3), 40).astype(np.int32)
    places = rng.normal(0, 0.01, (120, 2)) + group[:, None] * 10
    order = rng.permutation(120)
    group, places = group[order], places[order]
    places[group == 2] = np.nan
    densest = densest_places(places, group, np.array([1, 0, 2, 7]))
    np.testing.assert_allclose(densest[:2], [[10, 10], [0, 0]], atol=0.05)
    assert np.isnan(densest[2:]).all()


@pytest.mark.parametrize("members", [1, 2])
def test_few_points_have_their_mean(members: int) -> None:
    places = np.array([[0.0, 2.0], [4.0, 4.0]])[:members]
    densest = densest_places(places, np.zeros(members, np.int32), np.array([0]))[0]
    np.testing.assert_allclose(densest, places.mean(axis=0))


def test_of_many_points_a_sample_decides() -> None:
    rng = np.random.default_rng(3)
    places = np.concatenate(
        [rng.normal(0, 3, (3 * MOST_POINTS, 2)), rng.normal(8, 0.2, (MOST_POINTS, 2))]
    )
    place = densest_places(places, np.zeros(len(places), np.int32), np.array([0]))[0]
    assert np.hypot(*(place - 8)) < 0.5


def test_points_without_a_group_are_left_out() -> None:
    places = np.array([[0.0, 0.0], [9.0, 9.0], [9.0, 9.0]])
    densest = densest_places(places, np.array([0, -1, -1], np.int32), np.array([0]))
    assert densest.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("members", [3, 37, 400, 401])
def test_the_place_is_the_mean_of_the_smallest_disc_with_a_fifth_of_the_points(
    members: int,
) -> None:
    points = np.random.default_rng(members).normal(0, 1, (members, 2))
    used = points if members <= 400 else points[::2]
    core = max(2, -(-len(used) // 5))
    discs = []
    for point in used:
        gaps = np.hypot(*(used - point).T)
        inside = np.argsort(gaps)[:core]
        discs.append((gaps[inside].max(), used[inside].mean(axis=0)))
    wanted = min(discs, key=lambda disc: disc[0])[1]
    densest = densest_places(points, np.zeros(members, np.int32), np.array([0]))[0]
    np.testing.assert_allclose(densest, wanted)
