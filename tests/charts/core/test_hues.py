"""Colours of clusters: published values, and distances measured apart from the code under test."""

import itertools

import numpy as np
import pytest

from charts.core import hues
from charts.core.theme import CLUSTER_COLOURS, DARK, DARK_PAPER

# Table 1 of Sharma, Wu and Dalal 2005: two CIELAB colours and their difference. The pairs lie on
# both sides of every branch of the formula.
SHARMA = [
    ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
    ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0),
    ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
    ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0009), 7.1792),
    ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0011), 7.2195),
    ((50.0, -0.001, 2.49), (50.0, 0.0009, -2.49), 4.8045),
    ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
    ((50.0, 2.5, 0.0), (58.0, 24.0, 15.0), 19.4535),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.694), (23.0331, 14.973, -42.5619), 2.0373),
    ((90.8027, -2.0831, 1.441), (91.1528, -1.6435, 0.0447), 1.4441),
    ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("first", "second", "difference"), SHARMA)
def test_differences_are_those_of_the_publication(
    first: tuple[float, ...], second: tuple[float, ...], difference: float
) -> None:
    for a, b in ((first, second), (second, first)):
        assert hues.ciede2000(np.array(a), np.array(b)) == pytest.approx(difference, abs=1e-4)


def test_lab_of_colours_with_known_values() -> None:
    # CIELAB of the sRGB primaries under D65, as tabulated by Lindbloom.
    expected = [(100, 0, 0), (0, 0, 0), (53.24, 80.09, 67.20), (87.73, -86.18, 83.18)]
    lab = hues.lab_of(["#ffffff", "#000000", "#ff0000", "#00ff00"])
    np.testing.assert_allclose(lab, expected, atol=0.05)


def test_red_and_green_that_deuteranopes_confuse_are_close_only_to_them() -> None:
    """Machado et al. project both to nearly the same yellow."""
    colours = ("#a96a00", "#7f8100")
    lab = hues.lab_of(colours)
    assert hues.ciede2000(lab[0], lab[1]) > 15
    assert hues.least_differences(colours)[0, 1] < 9


def _confusable(first: str, second: str) -> float:
    """CIEDE2000 for deuteranopia, by Machado's matrix on linear light, written out."""
    matrix = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413]]
    matrix.append([-0.011820, 0.042940, 0.968881])
    seen = []
    for colour in (first, second):
        linear = []
        for i in (1, 3, 5):
            part = int(colour[i : i + 2], 16) / 255
            linear.append(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)
        mixed = [
            min(max(sum(m * c for m, c in zip(row, linear, strict=True)), 0), 1) for row in matrix
        ]
        coded = [12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055 for c in mixed]
        seen.append("#" + "".join(f"{round(255 * c):02x}" for c in coded))
    lab = hues.lab_of(seen)
    return float(hues.ciede2000(lab[0], lab[1]))


@pytest.mark.parametrize("seed", range(3))
def test_sixty_clusters_differ_from_their_neighbours_with_deuteranopia(seed: int) -> None:
    centres = np.random.default_rng(seed).normal(size=(60, 2))
    colours = hues.cluster_colours(np.arange(60), centres)
    distance = np.hypot(*(centres[:, None] - centres).T)
    np.fill_diagonal(distance, np.inf)
    pairs = [(i, int(j)) for i, row in enumerate(distance) for j in np.argsort(row)[:3]]
    for background in (str, hues.on_dark):
        least = min(_confusable(background(colours[i]), background(colours[j])) for i, j in pairs)
        assert least > 10


def test_neighbours_on_either_map_differ() -> None:
    rng = np.random.default_rng(5)
    first, second = rng.uniform(size=(2, 150, 2))
    colours = hues.cluster_colours(np.arange(150), first, second)
    for centres in (first, second):
        distance = np.hypot(*(centres[:, None] - centres).T)
        np.fill_diagonal(distance, np.inf)
        nearest = distance.argmin(1)
        assert min(_confusable(colours[i], colours[int(j)]) for i, j in enumerate(nearest)) > 5


@pytest.mark.parametrize("count", [15, 40, 200])
def test_rows_that_a_legend_shows_at_first_have_different_hues(count: int) -> None:
    centres = np.random.default_rng(count).normal(size=(2, count, 2))
    colours = list(hues.cluster_colours(np.arange(count), *centres).values())
    first = colours[: hues.LISTED]
    assert len(set(first)) == 15
    pairs = list(itertools.combinations(first, 2))
    assert min(_confusable(a, b) for a, b in pairs) > 3
    # Of the rows listed near one another, fewer have one hue than if hues were drawn at random.
    near = [(i, j) for i in range(count) for j in range(max(i - 14, 0), i)]
    repeats = sum(colours[i] == colours[j] for i, j in near)
    assert repeats < 0.85 * len(near) / len(CLUSTER_COLOURS)


def test_many_clusters_choose_once_and_still_differ_from_their_neighbours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    centres = np.random.default_rng(2).normal(size=(300, 2))
    several = hues.cluster_colours(np.arange(300), centres)
    monkeypatch.setattr(hues, "MANY", 299)
    colours = hues.cluster_colours(np.arange(300), centres)
    assert colours != several
    monkeypatch.setattr(hues, "MANY", 300)
    monkeypatch.setattr(hues, "ROUNDS", 1)
    assert hues.cluster_colours(np.arange(300), centres) == colours
    assert len({colours[i] for i in range(hues.LISTED)}) == hues.LISTED
    distance = np.hypot(*(centres[:, None] - centres).T)
    np.fill_diagonal(distance, np.inf)
    nearest = distance.argmin(1).tolist()
    assert not any(colours[i] == colours[j] for i, j in enumerate(nearest))


def test_few_clusters_have_different_hues_wherever_they_are() -> None:
    lonely = np.column_stack([np.arange(12) * 1e6, np.zeros(12)])
    assert len(set(hues.cluster_colours(np.arange(12), lonely).values())) == 12


def test_a_cluster_that_is_on_no_map_has_a_hue() -> None:
    nowhere = np.full((3, 2), np.nan)
    assert set(hues.cluster_colours(np.array([4, 7, 9]), nowhere)) == {4, 7, 9}
    assert hues.cluster_colours(np.array([], dtype=int), np.empty((0, 2))) == {}


@pytest.mark.parametrize("colour", CLUSTER_COLOURS)
def test_names_can_be_read_and_points_be_seen_on_both_backgrounds(colour: str) -> None:
    assert hues.contrast(hues.ink(colour), "#ffffff") >= 4.5
    assert hues.contrast(hues.ink(colour, dark=True), DARK_PAPER) >= 6
    assert hues.contrast(hues.on_dark(colour), DARK_PAPER) >= 3


def test_contrast_as_wcag_defines_it() -> None:
    assert hues.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert hues.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


def test_a_colour_keeps_its_hue_on_other_backgrounds() -> None:
    for colour in CLUSTER_COLOURS:
        angles = []
        for shown in (colour, hues.on_dark(colour), hues.ink(colour), hues.ink(colour, dark=True)):
            _, a, b = hues.lab_of([shown])[0]
            angles.append(np.degrees(np.arctan2(b, a)))
        for one, other in itertools.combinations(angles, 2):
            assert abs((one - other + 180) % 360 - 180) < 4


def test_the_dark_scheme_has_the_same_hues_on_every_chart() -> None:
    assert tuple(DARK[colour] for colour in CLUSTER_COLOURS) == hues.DARK_COLOURS


def test_neighbours_are_the_nearest_eight_and_the_nearest_three_count_fully() -> None:
    first, second = np.random.default_rng(8).normal(size=(2, 30, 2))
    second[4] = np.nan
    wanted = np.zeros((30, 30))
    for centres in (first, second):
        for i in range(30):
            gaps = np.hypot(*(centres - centres[i]).T)
            order = [j for j in np.argsort(gaps) if j != i and np.isfinite(gaps[j])]
            for place, j in enumerate(order[:8]):
                weight = 1.0 if place < 3 else 0.25
                wanted[i, j] = max(wanted[i, j], weight)
                wanted[j, i] = max(wanted[j, i], weight)
    dense = np.zeros((30, 30))
    for i, (others, weights) in enumerate(hues._neighbours([first, second])):
        dense[i, others] = weights
    np.testing.assert_array_equal(dense, wanted)


def test_the_numbers_of_the_choice_of_hues() -> None:
    assert (hues.LISTED, hues.TELLING) == (15, 18)
    assert (hues.DISTINCT, hues.ROUNDS, hues.READABLE, hues.READABLE_ON_DARK) == (20, 4, 4.5, 6)


@pytest.mark.parametrize("colour", CLUSTER_COLOURS)
def test_a_colour_as_text_changes_no_more_than_reading_needs(colour: str) -> None:
    """By steps of 2 in lightness, each of which changes the contrast by about 6 %."""
    if hues.contrast(colour, "#ffffff") < 4.5:
        assert hues.contrast(hues.ink(colour), "#ffffff") < 4.5 * 1.08
