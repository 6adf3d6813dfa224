"""The marks of a map: colours and scales, against numpy."""

import base64
import io
from typing import Any

import altair as alt
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from analysis.bundle import Bundle, LevelName
from charts.cluster_level import Level, level_of
from charts.core.interactions import BOX
from charts.core.theme import SEQUENTIAL_POINTS
from charts.map import latent_map
from charts.map_marks import _domain, _rgb, image, legend, points
from charts.map_view import Colour

FRAME = (0.0, 10.0, 0.0, 10.0)


def channels(colour: str) -> list[int]:
    """Red, green and blue of a colour such as #fde725."""
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def column(name: str, values: list[float | None]) -> pa.Table:
    return pa.table({name: pa.array(values, pa.float32())})


def data_of(chart: alt.Chart) -> list[dict[str, Any]]:
    spec = chart.to_dict()
    return list(spec["datasets"][spec["data"]["name"]])


@pytest.mark.parametrize(
    ("colour", "values", "scale"),
    [
        ("density", [0.0, 0.25, None, 0.5], ("log", (0.25, 0.5))),
        ("max", [4.0, 4.0], ("log", (4.0, 40.0))),
        ("density", [0.0, None], ("log", (1e-6, 1.0))),
        ("map_recall", [0.25, 0.5], ("linear", (0.0, 1.0))),
        ("map_agreement", [0.25, 0.5], ("linear", (0.0, 1.0))),
        ("moved", [0.25, 0.5, None], ("linear", (0.25, 1.0))),
        ("moved", [1.0], ("linear", (0.9, 1.0))),
        ("moved", [None], ("linear", (0.0, 1.0))),
    ],
)
def test_the_domain_of_a_colour(
    colour: Colour, values: list[float | None], scale: tuple[str, tuple[float, float]]
) -> None:
    assert _domain(column(colour, values), colour) == scale


def test_a_log_colour_is_half_way_at_the_geometric_mean(tiny: Bundle) -> None:
    rgb = _rgb(column("density", [0.001, 0.01, 0.1, None]), "density", level_of(tiny))
    stops = np.array([channels(stop) for stop in SEQUENTIAL_POINTS])
    np.testing.assert_allclose(rgb[0], stops[0])
    np.testing.assert_allclose(rgb[1], (stops[2] + stops[3]) / 2)
    np.testing.assert_allclose(rgb[2], stops[5])
    np.testing.assert_allclose(rgb[3], stops[0])  # a missing value is the least


def test_a_share_is_coloured_linearly_from_zero(tiny: Bundle) -> None:
    rgb = _rgb(column("map_recall", [0.0, 0.2, 0.5, 1.0]), "map_recall", level_of(tiny))
    stops = np.array([channels(stop) for stop in SEQUENTIAL_POINTS])
    np.testing.assert_allclose(rgb, [stops[0], stops[1], (stops[2] + stops[3]) / 2, stops[5]])


def test_clusters_of_an_image_have_their_own_colours(tiny: Bundle) -> None:
    clustering = level_of(tiny)
    rows = latent_map(tiny).rows
    wanted = [channels(clustering.colour_of_latents()[i]) for i in rows["latent"].to_pylist()]
    np.testing.assert_array_equal(_rgb(rows, "cluster", clustering), wanted)


def test_an_image_fills_the_frame_and_shows_selected_points_in_colour(tiny: Bundle) -> None:
    clustering = Level(LevelName("decoder", 0), np.array([0, 0]), pa.table({}), {0: "#ff0000"})
    rows = pa.table({"latent": [0, 1], "x": [2.0, 8.0], "y": [2.0, 8.0], "selected": [True, False]})
    spec = image(rows, FRAME, "cluster", clustering, BOX).to_dict()
    (drawn,) = (
        spec["datasets"][spec["data"]["name"]] if "datasets" in spec else spec["data"]["values"]
    )
    assert (drawn["x"], drawn["x2"], drawn["y"], drawn["y2"]) == FRAME
    picture = Image.open(io.BytesIO(base64.b64decode(drawn["url"].split(",")[1]))).convert("RGB")
    pixels = np.asarray(picture).astype(int)
    red = pixels[..., 0] - pixels[..., 1] > 100
    rows_of_red, columns_of_red = np.nonzero(red)
    height, width = red.shape
    # The selected point is at 0.2 of the width and, as y points up, at 0.8 of the height.
    assert columns_of_red.mean() / width == pytest.approx(0.2, abs=0.02)
    assert rows_of_red.mean() / height == pytest.approx(0.8, abs=0.02)


def test_points_are_smaller_the_more_there_are(tiny: Bundle) -> None:
    clustering, rows = level_of(tiny), latent_map(tiny).rows
    many = pa.concat_tables([rows] * 40)  # 4,640 rows
    for table, size in ((rows, 46), (many, pytest.approx(90_000 / 4_640)), (many.slice(0, 0), 46)):
        chart = points(table, FRAME, "cluster", clustering, BOX).to_dict()
        assert chart["mark"]["size"] == size
    assert (
        points(pa.concat_tables([many] * 4), FRAME, "cluster", clustering, BOX).to_dict()["mark"][
            "size"
        ]
        == 9
    )


def test_a_point_has_six_top_tokens_and_the_colour_of_its_cluster(tiny: Bundle) -> None:
    clustering = level_of(tiny)
    rows = latent_map(tiny).rows.slice(0, 2)
    tokens = pa.array([[f"t{i}" for i in range(9)], None], pa.list_(pa.string()))
    rows = rows.set_column(rows.schema.get_field_index("top_tokens"), "top_tokens", tokens)
    drawn = data_of(points(rows, FRAME, "cluster", clustering, BOX))
    assert [row["tokens"] for row in drawn] == ["t0 · t1 · t2 · t3 · t4 · t5", ""]
    colours = clustering.colour_of_latents()
    assert [row["colour"] for row in drawn] == [colours[row["latent"]] for row in drawn]


def test_the_value_of_the_colour_is_in_the_tooltip_once(tiny: Bundle) -> None:
    clustering = level_of(tiny)
    for colour, times in (("density", 2), ("max", 1), ("map_recall", 1)):
        rows = latent_map(tiny, colour=colour).rows  # type: ignore[arg-type]
        spec = points(rows, FRAME, colour, clustering, BOX).to_dict()  # type: ignore[arg-type]
        fields = [one["field"] for one in spec["encoding"]["tooltip"]]
        assert fields.count(colour) == times  # a density is a number and a percentage


def test_the_legend_of_an_image_has_the_scale_of_its_colours() -> None:
    (chart,) = legend(column("max", [2.0, 8.0]), FRAME, "max")
    scale = chart.to_dict()["encoding"]["color"]["scale"]
    assert scale["type"] == "log" and scale["range"] == SEQUENTIAL_POINTS
    assert (scale["domain"][0], scale["domain"][-1]) == (pytest.approx(2), pytest.approx(8))
    assert chart.to_dict()["mark"]["size"] == 0
