"""The maps, against independent counts."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from analysis.bundle import Bundle, LevelName
from analysis.cooccurrence.ranking import ranked_partners
from analysis.runtime.errors import InputError
from analysis.runtime.numbers import percent
from charts import map as charts_map
from charts import map_names
from charts.cluster_level import level_of
from charts.core.theme import NO_CLUSTER
from charts.map import latent_map, map_caption, selected_rows
from tests.charts.drawn import marks

THIRD = np.arange(120) % 3 == 0


def datasets(figure: Any) -> list[dict[str, Any]]:
    spec = figure.chart.to_dict()
    return max(spec["datasets"].values(), key=len)


@pytest.mark.parametrize("level", [0, 1])
def test_map_rows_are_the_latents_on_the_map(tiny: Bundle, level: int) -> None:
    figure = latent_map(tiny, selected=THIRD, level=LevelName("decoder", level))
    rows, table = figure.rows.to_pandas(), tiny.latents.to_pandas()
    assert set(rows["latent"]) == set(table["latent"][table["x"].notna()])
    assert np.array_equal(rows["x"], table["x"][rows["latent"]])
    assert np.array_equal(rows["selected"], THIRD[rows["latent"]])
    assert rows["selected"].is_monotonic_increasing
    stored = tiny.memberships.to_pandas().query("space == 'decoder' and level == @level")
    members = stored.set_index("latent")["cluster"]
    for latent, cluster in zip(rows["latent"], rows["cluster"], strict=True):
        assert cluster == members[latent] if latent in members.index else np.isnan(cluster)


def test_the_chart_draws_exactly_its_rows(tiny: Bundle) -> None:
    figure = latent_map(tiny, selected=THIRD)
    drawn = datasets(figure)
    assert [row["latent"] for row in drawn] == figure.rows["latent"].to_pylist()
    assert np.allclose([row["x"] for row in drawn], figure.rows["x"].to_pylist(), atol=1e-6)
    assert all(
        "\u202e" not in value for row in drawn for value in row.values() if type(value) is str
    )


def test_a_viewport_excludes_latents_outside(tiny: Bundle) -> None:
    x, y = (tiny.latents[name].to_numpy(zero_copy_only=False) for name in ("x", "y"))
    inside = (x >= -2) & (x <= 4) & (y >= -3) & (y <= 5)
    rows = latent_map(tiny, viewport=(-2, 4, -3, 5)).rows
    assert 0 < rows.num_rows < 116
    assert set(rows["latent"].to_pylist()) == set(np.flatnonzero(inside).tolist())


def test_the_note_reports_the_quality_of_the_map(tiny: Bundle) -> None:
    note = latent_map(tiny).note or ""
    assert "weak evidence" in note and "trustworthiness 0.962" in note and "recall@10 0.310" in note
    assert f"{tiny.manifest.map.left_out} latents are not on it" in note


@pytest.mark.parametrize("colour", ["cluster", "density", "map_recall", "max"])
def test_a_large_map_becomes_an_image_with_the_box_over_it(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch, colour: Any
) -> None:
    monkeypatch.setattr(charts_map, "MOST_POINTS", 10)
    figure = latent_map(tiny, selected=THIRD, colour=colour)
    assert figure.selections == ("box",)
    spec = figure.chart.to_dict()
    assert [param["name"] for param in spec["params"]] == ["box"]
    assert spec["layer"][0]["mark"]["type"] == "image"
    assert figure.rows.num_rows == 116


def test_unknown_colour_and_level_are_refused(tiny: Bundle) -> None:
    with pytest.raises(InputError, match="cannot colour by"):
        latent_map(tiny, colour="nothing")
    with pytest.raises(InputError, match="no decoder level 7"):
        latent_map(tiny, level=LevelName("decoder", 7))


def test_colours_do_not_depend_on_the_selection(tiny: Bundle) -> None:
    every = {row["latent"]: row["colour"] for row in datasets(latent_map(tiny))}
    some = {row["latent"]: row["colour"] for row in datasets(latent_map(tiny, selected=THIRD))}
    assert every == some
    noise = [
        i for i, c in enumerate(tiny.latents["cluster"].to_pylist()) if c is None and i in every
    ]
    assert noise and all(every[i] == NO_CLUSTER for i in noise)


def test_the_map_by_co_occurrence_has_its_own_positions_box_and_names(tiny: Bundle) -> None:
    with pytest.raises(InputError, match="has no map 'cooccurrence'"):
        latent_map(tiny, map_name="cooccurrence")
    manifest_with_two_maps = tiny.manifest.model_copy(
        update={"map_cooccurrence": tiny.manifest.map}
    )
    figure = latent_map(
        replace(tiny, manifest=manifest_with_two_maps), map_name="cooccurrence", colour="moved"
    )
    rows, table = figure.rows.to_pandas(), tiny.latents.to_pandas()
    assert np.array_equal(rows["x"], table["x_cooccurrence"][rows["latent"]])
    assert np.array_equal(rows["moved"], table["moved"][rows["latent"]])
    assert figure.selections == ("box_of_cooccurrence", "picked")
    clustering = level_of(tiny)
    centres = map_names.centres(tiny, clustering, "cooccurrence")
    for cluster, centre in zip(clustering.table["cluster"].to_pylist(), centres, strict=True):
        inside = table[(clustering.of_latent == cluster) & table["x_cooccurrence"].notna()]
        assert np.allclose(centre, inside[["x_cooccurrence", "y_cooccurrence"]].median())


def test_a_map_of_more_than_thirty_thousand_latents_is_an_image(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert charts_map.MOST_POINTS == 30_000
    latents = latent_map(tiny).rows.num_rows
    for most, selections in ((latents, ("box", "picked")), (latents - 1, ("box",))):
        monkeypatch.setattr(charts_map, "MOST_POINTS", most)
        assert latent_map(tiny).selections == selections


def test_a_part_of_the_map_has_the_latents_inside_and_on_its_edges(tiny: Bundle) -> None:
    rows = latent_map(tiny).rows.to_pandas()
    xs, ys = np.sort(rows["x"]), np.sort(rows["y"])
    viewport = (float(xs[10]), float(xs[-10]), float(ys[5]), float(ys[-5]))
    figure = latent_map(tiny, viewport=viewport)
    x0, x1, y0, y1 = viewport
    inside = rows["x"].between(x0, x1) & rows["y"].between(y0, y1)
    assert set(figure.rows["latent"].to_pylist()) == set(rows["latent"][inside])
    shown = figure.rows.to_pandas()
    assert [shown["x"].min(), shown["x"].max()] == [x0, x1]
    assert [shown["y"].min(), shown["y"].max()] == [y0, y1]


def test_the_caption_has_the_edges_of_the_part_and_the_finest_level(tiny: Bundle) -> None:
    figure = latent_map(tiny, viewport=(-12.3456, 0.123456, -9.0, 1234.56))
    assert figure.caption.parameters["viewport"] == "-12.35, 0.1235, -9, 1235"
    assert figure.caption.parameters["cluster_level"] == "decoder level 0"
    assert latent_map(tiny, level=LevelName("decoder", 1)).caption.parameters["cluster_level"] == (
        "decoder level 1"
    )


def test_the_note_gives_the_share_of_neighbours_that_both_maps_have(tiny: Bundle) -> None:
    manifest = tiny.manifest.model_copy(update={"map_cooccurrence": tiny.manifest.map})
    figure = latent_map(replace(tiny, manifest=manifest), colour="moved")
    moved = np.mean([value for value in tiny.latents["moved"].to_pylist() if value is not None])
    assert 0 < moved < 0.49
    assert f"On average, {percent(1 - moved)} of the ten nearest" in str(figure.note)


def test_the_rows_of_a_selection_are_those_of_its_latents(tiny: Bundle) -> None:
    figure = selected_rows(tiny, "density>0.02 & !flag=dense", colour="label_lift")
    table = tiny.latents.to_pandas()
    wanted = table[(table["density"] > 0.02) & (table["flag"] != "dense") & table["x"].notna()]
    assert figure.rows["latent"].to_pylist() == wanted["latent"].tolist()
    assert figure.rows["label_lift"].to_pylist() == [
        None if np.isnan(v) else v for v in wanted["label_lift"].tolist()
    ]
    assert figure.caption.parameters["selection"] == "density>0.02 & !flag=dense"
    assert selected_rows(tiny, "").rows.num_rows == latent_map(tiny).rows.num_rows
    with pytest.raises(InputError):
        selected_rows(tiny, "density>>")


def test_the_association_with_a_latent_is_a_column_of_its_map(tiny: Bundle) -> None:
    figure = latent_map(tiny, colour="association", highlight=13)
    partners = set(tiny.partners.of(13)["partner"].to_pylist())
    rows = figure.rows.to_pandas().set_index("latent")
    assert set(rows.index[rows["association"].notna()]) <= partners
    assert figure.caption.parameters["colour"] == "phi with latent 13"


def test_the_caption_in_the_browser_counts_the_latents_on_the_map(tiny: Bundle) -> None:
    caption = map_caption(tiny, LevelName("decoder", 1), "decoder")
    on_map = sum(value is not None for value in tiny.latents["x"].to_pylist())
    assert caption.parameters["latents"] == f"{on_map} on the map of {tiny.latents.num_rows}"
    assert caption.parameters["cluster_level"] == "decoder level 1"
    assert caption.unit == "latent"


def test_the_caption_counts_the_latents_in_colour(tiny: Bundle) -> None:
    figure = latent_map(tiny, selected=THIRD)
    on_map = np.array([value is not None for value in tiny.latents["x"].to_pylist()])
    wanted = f"{(THIRD & on_map).sum()} in colour of {on_map.sum()}"
    assert figure.caption.parameters["latents"] == wanted


def test_the_rows_have_the_values_of_the_colour(tiny: Bundle) -> None:
    typed = selected_rows(tiny, "latent=20,33,34", colour="own_text", own_text="20:1,33:0.25")
    assert typed.rows.sort_by("latent")["own_text"].to_pylist() == [1, 0.25, None]
    linked = selected_rows(tiny, "", colour="association", latent=13, measure="jaccard").rows
    partners = ranked_partners(tiny, 13, "jaccard")
    expected = dict(
        zip(partners["partner"].to_pylist(), partners["jaccard"].to_pylist(), strict=True)
    )
    named = dict(zip(linked["latent"].to_pylist(), linked["association"].to_pylist(), strict=True))
    assert {latent: value for latent, value in named.items() if value is not None} == {
        latent: value for latent, value in expected.items() if latent in named
    }


def test_selected_latents_have_their_colour_and_the_highlighted_one_a_ring(tiny: Bundle) -> None:
    assert marks(latent_map(tiny, selected=THIRD)) == [
        "circle: x x, y y, color colour if datum.selected else unselected, "
        "opacity 0.85 if datum.selected else 0.6",
        "text: stroke paper, opacity 0.95, x x, y y, text name",
        "text: x x, y y, text name",
    ]
    assert marks(latent_map(tiny, selected=THIRD, colour="density", highlight=20)) == [
        "circle: x x, y y, color density in sequential_points if datum.selected else "
        "unselected, opacity 0.85 if datum.selected else 0.6",
        "text: stroke paper, opacity 0.95, x x, y y, text name",
        "text: x x, y y, text name",
        "point: stroke highlight, filled False, x x, y y",
        "text: stroke paper, x x, y y, text latent",
        "text: x x, y y, text latent",
    ]
