"""Circles are distinguished from simplexes, lines and half circles; criteria at their limits."""

import numpy as np
import pytest
import scipy.sparse

from analysis.clusters.circles import (
    LEAST_CLASSES,
    LEAST_PLANE,
    LEAST_RADIUS,
    LEAST_TOKENS,
    MOST_CLASSES,
    WIDEST_GAP,
    Ring,
    ring,
)
from analysis.clusters.principal_components import principal_components

SEVEN = np.random.default_rng(3).permutation(7)
"""Which place on the planted circle each of seven latents has."""


def circle(d: int = 48) -> np.ndarray:
    """Seven decoder vectors on a circle in a random plane, unit length, a little noise."""
    rng = np.random.default_rng(0)
    plane = np.linalg.qr(rng.standard_normal((d, 2)))[0]
    angle = 2 * np.pi * SEVEN / 7
    noise = 0.05 * rng.standard_normal((7, d)) / np.sqrt(d)
    return (np.column_stack([np.cos(angle), np.sin(angle)]) @ plane.T + noise).astype(np.float32)


def simplex(classes: int = 7, d: int = 48) -> np.ndarray:
    """Decoder vectors that are orthogonal to one another, of unit length."""
    return np.linalg.qr(np.random.default_rng(1).standard_normal((d, classes)))[0].T.astype("f4")


def one_hot(classes: int, tokens: int = 700, seed: int = 2) -> np.ndarray:
    """One latent on each token, with an activation that varies."""
    rng = np.random.default_rng(seed)
    active = np.zeros((tokens, classes))
    active[np.arange(tokens), rng.integers(0, classes, tokens)] = rng.gamma(8.0, 0.25, tokens)
    return active


def judged(decoder: np.ndarray, plane: tuple[int, int] = (0, 1)) -> Ring:
    active = one_hot(len(decoder))
    found = principal_components(scipy.sparse.csr_matrix(active), decoder)
    scores = active @ found.loadings
    return ring(scores - scores.mean(axis=0), active.argmax(axis=1), found.shares, plane)


def test_a_planted_circle_is_recovered_in_its_exact_order() -> None:
    found = judged(circle())
    assert found.is_circle and found.plane >= 0.8
    around = [int(SEVEN[member]) for member in found.classes]
    step = (around[1] - around[0]) % 7
    assert step in (1, 6)
    assert around == [(around[0] + i * step) % 7 for i in range(7)]
    assert found.sentence.startswith("A circle: the plane has")


@pytest.mark.parametrize("classes", [4, 5, 7, 12])
@pytest.mark.parametrize("plane", [(0, 1), (1, 2), (2, 3), (0, 2)])
def test_a_simplex_is_no_circle_in_any_plane(classes: int, plane: tuple[int, int]) -> None:
    if max(plane) < classes - 1:
        found = judged(simplex(classes), plane)
        assert not found.is_circle
        assert found.plane == pytest.approx(2 / (classes - 1 - (0 not in plane)), abs=0.15)


def test_a_circle_with_a_common_direction_is_in_the_plane_after_the_first_component() -> None:
    common = 3.0 * simplex(1)
    found = judged(circle() + common, (1, 2))
    assert found.is_circle
    assert not judged(circle() + common, (0, 1)).is_circle


def test_a_line_and_a_half_circle_are_no_circles() -> None:
    angle = np.pi * np.arange(7) / 6
    half = np.column_stack([np.cos(angle), np.sin(angle)])
    line = np.column_stack([np.linspace(-1, 1, 7), np.zeros(7)])
    classes = np.repeat(np.arange(7), 50)
    for points in (half, line):
        scores = np.repeat(points, 50, axis=0)
        assert not ring(scores, classes, np.array([0.6, 0.4]), (0, 1)).is_circle


def test_small_classes_are_left_out_and_too_few_classes_are_not_judged() -> None:
    scores = np.random.default_rng(0).standard_normal((104, 2))
    classes = np.repeat([3, 5, 9], [50, 50, 4])
    found = ring(scores, classes, np.array([0.5, 0.5]), (0, 1))
    assert sorted(found.classes.tolist()) == [3, 5] and not found.is_circle
    assert found.sentence.startswith("Too few classes")
    none = ring(scores[:0], classes[:0], np.zeros(2), (0, 1))
    assert not none.is_circle and len(none.classes) == 0


def test_the_share_of_a_plane_without_the_first_component_is_of_the_rest() -> None:
    scores = np.random.default_rng(0).standard_normal((350, 3))
    classes, shares = np.repeat(np.arange(7), 50), np.array([0.5, 0.3, 0.1])
    without, within = (ring(scores, classes, shares, plane) for plane in ((1, 2), (0, 1)))
    assert without.plane == pytest.approx(0.8)
    assert "0.8 of the variance that component 1 leaves (" in without.sentence
    assert "of the variance (" in within.sentence


def around(angles: np.ndarray, radii: np.ndarray | float = 1.0, tokens: int = 50) -> Ring:
    """The verdict on classes at these angles (in turns) and radii, in a plane of share .8."""
    turns = 2 * np.pi * angles
    points = np.column_stack([np.cos(turns), np.sin(turns)]) * np.reshape(radii, (-1, 1))
    scores = np.repeat(points, tokens, axis=0)
    classes = np.repeat(np.arange(len(angles)), tokens)
    return ring(scores, classes, np.array([0.4, 0.4, 0.2]), (0, 1))


def test_every_criterion_has_its_value() -> None:
    """The values that the documentation and the sentences state."""
    assert (LEAST_PLANE, LEAST_CLASSES, LEAST_RADIUS, WIDEST_GAP) == (0.8, 5, 0.5, 2.0)
    assert (MOST_CLASSES, LEAST_TOKENS) == (24, 5)


def test_an_even_circle_has_radius_and_gap_one() -> None:
    even = around(np.arange(7) / 7)
    assert even.is_circle
    assert even.radius == pytest.approx(1)
    assert even.gap == pytest.approx(1)
    assert even.plane == pytest.approx(0.8)
    assert even.tokens.tolist() == [50] * 7


def pulled(inwards: float) -> Ring:
    """A hexagon whose two opposite classes are nearer to the centre, which stays where it is."""
    return around(np.arange(6) / 6, np.array([inwards, 1, 1, inwards, 1, 1]))


def test_the_nearest_class_must_be_half_of_the_mean_distance_from_the_centre() -> None:
    # With r, 1, 1, r, 1, 1 the nearest is at 3 r / (r + 2) of the mean: .5 for r = .4.
    for inwards, is_circle in ((0.41, True), (0.39, False)):
        one = pulled(inwards)
        assert one.radius == pytest.approx(3 * inwards / (inwards + 2))
        assert one.gap == pytest.approx(1)
        assert one.is_circle == is_circle


def verdict(**changes: float) -> Ring:
    """An even circle of five classes with some measurements replaced."""
    given = {"plane": 0.8, "radius": 0.5, "gap": 2.0, "classes": 5} | changes
    count = int(given["classes"])
    return Ring(
        np.arange(count),
        np.zeros((count, 2)),
        np.full(count, 9),
        plane=given["plane"],
        radius=given["radius"],
        gap=given["gap"],
    )


def test_limits_are_inclusive() -> None:
    assert verdict().is_circle
    assert verdict().sentence.startswith("A circle: the plane has 0.8 of the variance (a circle")
    for changes in ({"plane": 0.79}, {"radius": 0.49}, {"gap": 2.01}, {"classes": 4}):
        assert not verdict(**changes).is_circle
    sentence = verdict(radius=0.49).sentence
    assert sentence.startswith("Not a circle")
    assert "nearest of 5 classes is at 0.49 of the mean distance" in sentence
    assert "(at least 0.5)" in sentence
    assert "is 2 times that of evenly spaced classes (at most 2)" in sentence


def test_a_gap_is_relative_to_that_of_evenly_spaced_classes() -> None:
    """Three pairs a third of a turn apart: the centre stays, the widest gap is .3 of a turn."""
    pairs = np.concatenate([np.arange(3) / 3, np.arange(3) / 3 + 1 / 3 - 0.3])
    assert around(pairs).gap == pytest.approx(0.3 * 6)
    wide = around(np.arange(7) / 12)
    assert wide.gap > WIDEST_GAP
    assert not wide.is_circle


@pytest.mark.parametrize(("tokens", "judged_classes"), [(4, 2), (5, 3)])
def test_a_class_needs_five_tokens(tokens: int, judged_classes: int) -> None:
    classes = np.repeat([3, 5, 9], [50, 50, tokens])
    scores = np.random.default_rng(0).standard_normal((len(classes), 2))
    assert len(ring(scores, classes, np.array([0.5, 0.5]), (0, 1)).classes) == judged_classes


@pytest.mark.parametrize(("tokens", "judged_classes"), [(9, 2), (10, 3)])
def test_a_class_needs_a_hundredth_of_the_tokens(tokens: int, judged_classes: int) -> None:
    classes = np.repeat([3, 5, 9], [500, 490, tokens])
    scores = np.random.default_rng(0).standard_normal((len(classes), 2))
    assert len(ring(scores, classes, np.array([0.5, 0.5]), (0, 1)).classes) == judged_classes


def test_the_largest_classes_are_judged() -> None:
    sizes = np.arange(40, 70)
    classes = np.repeat(np.arange(30), sizes)
    scores = np.random.default_rng(1).standard_normal((len(classes), 2))
    judged_ring = ring(scores, classes, np.array([0.5, 0.5]), (0, 1))
    assert sorted(judged_ring.classes.tolist()) == list(range(6, 30))
    assert judged_ring.classes[0] == 29
    centre = scores[classes == 29].mean(axis=0)
    np.testing.assert_allclose(judged_ring.centres[0], centre)


@pytest.mark.parametrize("seed", range(8))
def test_the_widest_gap_is_that_of_a_plain_search(seed: int) -> None:
    """For each class, the angle to the next one counter-clockwise; also across the half turn."""
    rng = np.random.default_rng(seed)
    angles = np.pi * (seed % 2) + rng.uniform(-2.2, 2.2, 7)
    classes = np.repeat(np.arange(7), LEAST_TOKENS)
    scores = np.column_stack([np.cos(angles), np.sin(angles)])[classes]
    judged_ring = ring(scores, classes, np.array([0.5, 0.4]), (0, 1))
    z = (judged_ring.centres - judged_ring.centres.mean(axis=0)) @ np.array([1, 1j])
    steps = [min(np.angle(b / a) % (2 * np.pi) for b in z if b != a) for a in z]
    assert judged_ring.gap == pytest.approx(max(steps) * 7 / (2 * np.pi))
