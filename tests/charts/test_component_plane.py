"""Planes of principal components, against independent counts."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.clusters.principal_components import reconstruct
from analysis.runtime.errors import InputError
from analysis.runtime.numbers import percent
from charts import component_plane as component_plane_module
from charts.cluster_contexts import cluster_contexts
from charts.component_plane import component_plane, component_shares, members_inside
from charts.core.theme import CLUSTER_COLOURS, NO_CLUSTER
from tests.charts.drawn import drawn_rows, marks

CLUSTER = 3


@pytest.mark.parametrize("classes", ["member", "token"])
def test_the_plane_plots_the_scores_of_its_components(tiny: Bundle, classes: Any) -> None:
    figure = component_plane(tiny, CLUSTER, (3, 1), classes)
    rows, expected = figure.rows.to_pandas(), reconstruct(tiny, CLUSTER)
    assert np.array_equal(rows["token_row"], expected.tokens)
    assert np.array_equal(rows["x"], expected.scores[:, 2])
    assert np.array_equal(rows["y"], expected.scores[:, 0])
    assert np.array_equal(rows["latent"], expected.strongest)
    assert rows["token"].tolist() == tiny.tokens["token"].take(expected.tokens).to_pylist()
    assert "circle" in (figure.note or "") and f"{expected.active:,}" in (figure.note or "")
    if classes == "member":
        assert rows["class"].str.split(" ").str[0].astype(int).tolist() == rows["latent"].tolist()


@pytest.mark.parametrize(("width", "height"), [(900, 380), (300, 380)])
def test_a_unit_is_as_long_along_both_axes_and_every_point_is_inside(
    tiny: Bundle, width: int, height: int
) -> None:
    figure = component_plane(tiny, CLUSTER, (1, 4))
    scales = {axis: figure.chart.to_dict()["layer"][0]["encoding"][axis]["scale"] for axis in "xy"}
    ends = {
        axis: [
            eval(scale[end]["expr"], {"max": max, "width": width, "height": height})
            for end in ("domainMin", "domainMax")
        ]
        for axis, scale in scales.items()
    }
    length = {axis: high - low for axis, (low, high) in ends.items()}
    assert length["x"] / width == pytest.approx(length["y"] / height)
    for axis, (low, high) in ends.items():
        drawn = figure.rows[axis].to_numpy()
        assert low < drawn.min() < drawn.max() < high


def test_shares_add_up_and_mark_the_plane(tiny: Bundle) -> None:
    rows = component_shares(tiny, CLUSTER, (2, 4)).rows.to_pandas()
    assert rows["share"].tolist() == [0.5, 0.25, 0.125, 0.0625]
    assert np.allclose(rows["cumulative"], np.cumsum(rows["share"]))
    assert rows["component"][rows["in_plane"]].tolist() == [2, 4]
    default = component_shares(tiny, CLUSTER).rows.to_pandas()
    assert default["component"][default["in_plane"]].tolist() == [1, 2]


def test_unknown_components_kinds_and_classes_are_refused(tiny: Bundle) -> None:
    with pytest.raises(InputError, match="components 1 to 4"):
        component_plane(tiny, CLUSTER, (1, 5))
    with pytest.raises(InputError, match="top or random"):
        cluster_contexts(tiny, CLUSTER, "interval")
    with pytest.raises(InputError, match="cannot colour by"):
        component_plane(tiny, CLUSTER, (1, 2), "word")  # type: ignore[arg-type]


def test_the_largest_classes_have_the_first_colours(tiny: Bundle) -> None:
    figure = component_plane(tiny, CLUSTER)
    assert figure.name.endswith("components-1-2")
    drawn = drawn_rows(figure, "colour", "class")
    sizes = Counter(row["class"] for row in drawn)
    colour = {row["class"]: row["colour"] for row in drawn}
    least = max(5, 0.01 * len(drawn))
    order = [one for one, size in sizes.most_common() if size >= least]
    distinct = len({sizes[one] for one in order}) == len(order)
    assert len(order) > 3
    first = [colour[one] for one in order]
    assert sorted(first, key=CLUSTER_COLOURS.index) == list(CLUSTER_COLOURS[: len(order)])
    assert first == list(CLUSTER_COLOURS[: len(order)]) or not distinct
    assert colour[order[0]] == CLUSTER_COLOURS[0] or sizes[order[0]] == sizes[order[1]]
    assert {colour[one] for one in sizes if one not in order} <= {NO_CLUSTER}


def test_the_note_adds_up_the_variance_of_all_components(tiny: Bundle) -> None:
    note = str(component_shares(tiny, CLUSTER).note)
    assert "the first 4 components explain 94\u00a0% of it" in note


def test_tokens_of_latents_that_are_not_selected_are_pale_and_below(tiny: Bundle) -> None:
    strongest = reconstruct(tiny, CLUSTER).strongest
    mask = np.arange(tiny.latents.num_rows) == strongest[0]
    drawn = drawn_rows(component_plane(tiny, CLUSTER, mask=mask), "latent", "selected")
    assert [row["selected"] for row in drawn] == sorted(
        row["latent"] == strongest[0] for row in drawn
    )
    assert 0 < sum(row["selected"] for row in drawn) < len(drawn)
    assert all(row["selected"] for row in drawn_rows(component_plane(tiny, CLUSTER), "selected"))


def test_the_members_inside_a_box_of_the_plane(tiny: Bundle) -> None:
    expected = reconstruct(tiny, CLUSTER)
    x, y = expected.scores[:, 0], expected.scores[:, 2]
    ends = [(float(x.min()), float(np.median(x))), (float(np.median(y)), float(y.max()))]
    wanted = {
        int(latent)
        for a, b, latent in zip(x, y, expected.strongest, strict=True)
        if ends[0][0] <= a <= ends[0][1] and ends[1][0] <= b <= ends[1][1]
    }
    assert members_inside(tiny, CLUSTER, (1, 3), ends) == sorted(wanted)
    assert 0 < len(wanted) < len(set(expected.strongest.tolist()))
    assert members_inside(tiny, CLUSTER, (1, 3), [(1e6, 2e6), (0, 1)]) == []


def test_a_box_holds_the_tokens_on_its_edges(tiny: Bundle) -> None:
    expected = reconstruct(tiny, CLUSTER)
    x, y = (expected.scores[:, axis].astype(np.float64) for axis in (0, 1))
    i = int(np.argmax(x))
    for dx, dy in ((1, 1), (-1, -1)):
        ends = [tuple(sorted((x[i], x[i] + dx))), tuple(sorted((y[i], y[i] + dy)))]
        inside = members_inside(tiny, CLUSTER, (1, 2), ends)
        assert int(expected.strongest[i]) in inside


def test_a_plane_has_two_different_components_counted_from_one(tiny: Bundle) -> None:
    for plane in ((2, 2), (0, 1), (1, 0)):
        with pytest.raises(InputError, match="choose two of them"):
            component_plane(tiny, CLUSTER, plane)


def test_each_axis_has_the_share_of_its_component(tiny: Bundle) -> None:
    encoding = component_plane(tiny, CLUSTER, (4, 1)).chart.to_dict()["layer"][0]["encoding"]
    shares = reconstruct(tiny, CLUSTER).shares
    for axis, component in (("x", 4), ("y", 1)):
        share = percent(float(shares[component - 1]), 2)
        assert encoding[axis]["title"] == f"component {component} ({share} of the variance)"


def test_the_largest_classes_are_named_where_there_is_room() -> None:
    """On a plane of 560 by 380 pixels, with ten pixels for a unit along the narrower axis."""
    half, reach = [28.0, 19.0], 3.4 * 4 + 3
    beside = 2 * reach / 10
    centres = [(0.0, 0.0), (beside - 0.1, 1.5), (beside + 0.1, 0.0), (0.0, 1.59), (0.0, -1.61)]
    circle: Any = SimpleNamespace(
        centres=np.array(centres),
        tokens=np.array([9, 7, 7, 5, 6]),
        classes=np.array([4, 3, 2, 1, 0]),
    )
    names = {i: f"no {i}" for i in range(5)}
    drawn = component_plane_module._names(half, circle, names).to_pylist()
    assert [row["name"] for row in drawn] == ["no 4", "no 2", "no 0"]
    assert [(row["x"], row["y"]) for row in drawn] == [centres[0], centres[2], centres[4]]
    assert component_plane_module._names(half, None, names).num_rows == 0


@pytest.mark.parametrize(
    ("half", "fits"), [([28.0, 19.0], True), ([56.0, 19.0], False), ([28.0, 38.0], False)]
)
def test_names_have_the_room_of_the_axis_along_which_a_unit_is_shorter(
    half: list[float], fits: bool
) -> None:
    """Names side by side that touch if a unit has five pixels and not ten."""
    apart = 2 * (3.4 * 4 + 3) / 10 + 0.1
    circle: Any = SimpleNamespace(
        centres=np.array([(0.0, 0.0), (apart, 0.0)]), tokens=np.array([2, 1]), classes=np.arange(2)
    )
    drawn = component_plane_module._names(half, circle, {0: "no 0", 1: "no 1"})
    assert drawn["name"].to_pylist() == (["no 0", "no 1"] if fits else ["no 0"])


def test_unselected_members_are_grey_and_components_of_the_plane_are_blue(tiny: Bundle) -> None:
    assert marks(component_plane(tiny, CLUSTER, (1, 2), "member", np.arange(120) % 3 == 0)) == [
        "circle: x x, y y, color colour if datum.selected else unselected, "
        "opacity 0.6 if datum.selected else 0.35",
        "text: stroke paper, opacity 0.85, x x, y y, text name",
        "text: x x, y y, text name",
    ]
    assert marks(component_shares(tiny, CLUSTER)) == [
        "bar: x component, y share, color accent if datum.in_plane else unselected",
        "text: color quiet ink, x component, y share, text percent, "
        "percent = format(100 * datum.share, '.2r')",
    ]
