"""The marks of a map: colours and scales, against numpy."""

import base64
import io
from dataclasses import replace
from typing import Any

import altair as alt
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from analysis.bundle import Bundle
from charts.cluster_level import level_of
from charts.core.interactions import BOX
from charts.core.theme import NO_CLUSTER, SEQUENTIAL_POINTS
from charts.map import latent_map
from charts.map_columns import Colouring, colouring
from charts.map_marks import image, legend, points

FRAME = (0.0, 10.0, 0.0, 10.0)


def data_of(chart: alt.Chart) -> list[dict[str, Any]]:
    spec = chart.to_dict()
    return list(spec["datasets"][spec["data"]["name"]])


@pytest.mark.parametrize(("scheme", "red"), [("light", "#ff0000"), ("dark", "#f00000")])
def test_an_image_fills_the_frame_and_shows_selected_points_in_colour(
    scheme: Any, red: str
) -> None:
    colours = Colouring(
        "cluster", "categorical", "cluster", "", np.array([1, 1], np.uint8),
        ("#b6bdc5", "#ff0000"), ("#4f5a63", "#f00000"), (),
    )  # fmt: skip
    rows = pa.table({"latent": [0, 1], "x": [2.0, 8.0], "y": [2.0, 8.0], "selected": [True, False]})
    spec = image(rows, FRAME, colours, BOX, scheme).to_dict()
    (drawn,) = (
        spec["datasets"][spec["data"]["name"]] if "datasets" in spec else spec["data"]["values"]
    )
    assert (drawn["x"], drawn["x2"], drawn["y"], drawn["y2"]) == FRAME
    picture = Image.open(io.BytesIO(base64.b64decode(drawn["url"].split(",")[1]))).convert("RGB")
    pixels = np.asarray(picture).astype(int)
    is_red = pixels[..., 0] - pixels[..., 1] > 100
    rows_of_red, columns_of_red = np.nonzero(is_red)
    height, width = is_red.shape
    # The selected point is at 0.2 of the width and, as y points up, at 0.8 of the height.
    assert columns_of_red.mean() / width == pytest.approx(0.2, abs=0.02)
    assert rows_of_red.mean() / height == pytest.approx(0.8, abs=0.02)
    # One point covers 65 % of its pixels.
    wanted = 0.65 * np.array([int(red[1:3], 16), 0, 0]) + 0.35 * pixels[0, 0]
    assert pixels[is_red][0] == pytest.approx(wanted, abs=1.5)


def test_points_are_smaller_the_more_there_are(tiny: Bundle) -> None:
    colours, rows = colouring(tiny, "cluster"), latent_map(tiny).rows
    many = pa.concat_tables([rows] * 40)  # 4,640 rows
    for table, size in ((rows, 46), (many, pytest.approx(90_000 / 4_640)), (many.slice(0, 0), 46)):
        chart = points(table, FRAME, colours, BOX).to_dict()
        assert chart["mark"]["size"] == size
    most = points(pa.concat_tables([many] * 4), FRAME, colours, BOX).to_dict()
    assert most["mark"]["size"] == 9


def test_a_point_has_six_top_tokens_and_the_colour_of_its_cluster(tiny: Bundle) -> None:
    clustering = level_of(tiny)
    rows = latent_map(tiny).rows.slice(0, 2)
    tokens = pa.array([[f"t{i}" for i in range(9)], None], pa.list_(pa.string()))
    rows = rows.set_column(rows.schema.get_field_index("top_tokens"), "top_tokens", tokens)
    drawn = data_of(points(rows, FRAME, colouring(tiny, "cluster"), BOX))
    assert [row["tokens"] for row in drawn] == ["t0 · t1 · t2 · t3 · t4 · t5", ""]
    of_latent = clustering.of_latent.tolist()
    assert [row["colour"] for row in drawn] == [
        clustering.colours.get(of_latent[row["latent"]], NO_CLUSTER) for row in drawn
    ]


@pytest.mark.parametrize(
    ("colour", "times"), [("density", 2), ("max", 1), ("map_recall", 1), ("flag", 0)]
)
def test_the_value_of_the_colour_is_in_the_tooltip_once(
    tiny: Bundle, colour: str, times: int
) -> None:
    colours = colouring(tiny, colour)
    spec = points(latent_map(tiny, colour=colour).rows, FRAME, colours, BOX).to_dict()
    fields = [one["field"] for one in spec["encoding"]["tooltip"]]
    assert fields.count(colour) == times  # a density is a number and a percentage


def test_a_number_is_drawn_on_its_scale_and_a_word_in_its_colour(tiny: Bundle) -> None:
    rows = latent_map(tiny, colour="density").rows
    spec = points(rows, FRAME, colouring(tiny, "density"), BOX).to_dict()
    scale = spec["encoding"]["color"]["condition"]["scale"]
    stored = tiny.latents["density"].to_numpy()
    assert scale["type"] == "log"
    assert scale["domain"][0] == pytest.approx(stored[stored > 0].min())
    assert scale["domain"][-1] == pytest.approx(stored.max())
    flags = colouring(tiny, "flag")
    drawn = data_of(points(latent_map(tiny, colour="flag").rows, FRAME, flags, BOX))
    palette = {entry.label: flags.light[entry.code] for entry in flags.entries}
    words = tiny.latents["flag"].to_pylist()
    assert all(row["colour"] == palette[words[row["latent"]]] for row in drawn)


def test_the_legend_of_an_image_has_the_scale_of_its_colours(tiny: Bundle) -> None:
    colours = colouring(tiny, "density")
    assert colours.scale
    colours = replace(colours, scale=replace(colours.scale, least=2.0, most=8.0))
    (chart,) = legend(colours, FRAME)
    scale = chart.to_dict()["encoding"]["color"]["scale"]
    assert scale["type"] == "log" and scale["range"] == SEQUENTIAL_POINTS
    assert (scale["domain"][0], scale["domain"][-1]) == (pytest.approx(2), pytest.approx(8))
    assert chart.to_dict()["mark"]["size"] == 0
    assert legend(colouring(tiny, "cluster"), FRAME) == []


def test_a_top_token_is_cut_after_16_characters(tiny: Bundle) -> None:
    rows = latent_map(tiny).rows.slice(0, 1)
    tokens = pa.array([["w" * 17, "v" * 16]], pa.list_(pa.string()))
    rows = rows.set_column(rows.schema.get_field_index("top_tokens"), "top_tokens", tokens)
    (drawn,) = data_of(points(rows, FRAME, colouring(tiny, "cluster"), BOX))
    assert drawn["tokens"] == "w" * 15 + "… · " + "v" * 16
