"""Interactions with charts change the view."""

import json
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from analysis.bundle import Bundle
from analysis.selection import Latents, both, ids_of, parse
from charts.component_plane import component_plane, members_inside
from charts.core.interactions import INTERACTIONS
from charts.density import density_histogram
from pages.widgets.events import HANDLED
from pages.widgets.session import GENERATION
from tests.pages.conftest import Open, act_in_chart, texts


def test_a_box_on_the_map_selects_the_latents_inside(
    open_page: Open, planted_bundle: Bundle
) -> None:
    x, y = (planted_bundle.latents[name].drop_null().to_numpy() for name in ("x", "y"))
    app = open_page("map", select="active_tokens>0")
    act_in_chart(app, "map", box={"x": [float(x.min()) - 1, float(x.mean())], "y": [-999, 999]})
    assert not app.exception
    text = app.query_params["select"]
    assert text.startswith("active_tokens>0 & box(")
    inside = int((x <= round(float(x.mean()), 4)).sum())
    assert f"**{inside}** of 200 latents" in texts(app)
    assert y.size > inside > 0


def test_a_new_box_replaces_the_last_and_an_empty_box_is_removed(
    open_page: Open,
) -> None:
    app = open_page("map", select="box(0,1,0,1) & density<0.5")
    for x1 in (2, 3):
        act_in_chart(app, "map", box={"x": [-2, x1], "y": [5, 1]})
        assert app.query_params["select"] == f"density<0.5 & box(-2,{x1},1,5)"
    act_in_chart(app, "map", box={})
    assert app.query_params["select"] == "density<0.5"


def test_an_event_is_handled_once(open_page: Open) -> None:
    app = open_page("map")
    act_in_chart(app, "map", box={"x": [-2, 2], "y": [-2, 2]})
    assert app.query_params["select"] == "box(-2,2,-2,2)"
    app.text_input[0].set_value("flag=dead").run()
    assert app.query_params["select"] == "flag=dead"


def test_an_interval_that_begins_inside_the_bar_of_dead_latents_selects_them(
    open_page: Open, planted_bundle: Bundle
) -> None:
    rows = density_histogram(planted_bundle).rows
    start, end = (rows[name][0].as_py() for name in ("log10_density", "log10_density_end"))
    app = open_page("overview")
    act_in_chart(app, "density-histogram", density={"log10_density": [(start + end) / 2, -1]})
    assert app.query_params["select"] == "density<=0.1"
    act_in_chart(app, "density-histogram", density={"log10_density": [end + 0.01, -1]})
    assert app.query_params["select"].startswith("density>=")


def test_an_interval_of_densities_is_a_pair_of_comparisons(open_page: Open) -> None:
    app = open_page("overview")
    act_in_chart(app, "density-histogram", density={"log10_density": [-1.5, -1]})
    assert app.query_params["select"] == "density>=0.0316 & density<=0.1"
    act_in_chart(app, "density-histogram", density={"log10_density": [-99, -1]})
    assert app.query_params["select"] == "density<=0.1"


def test_clicks_on_bars_select_clusters_and_flags(open_page: Open) -> None:
    app = open_page("map", level=0)
    act_in_chart(app, "clusters", picked_cluster=[{"cluster": 1}])
    assert app.query_params["select"] == "cluster=1"
    app = open_page("overview")
    act_in_chart(app, "flag-counts", picked_flag=[{"flag": "dense"}])
    assert app.query_params["select"] == "flag=dense"


def test_a_click_on_a_latent_opens_its_page(open_page: Open) -> None:
    app = open_page("map")
    act_in_chart(app, "map", picked=[{"latent": 17}])
    assert app.query_params["latent"] == "17"
    assert "[latent 17]" in app.subheader[0].value


@pytest.mark.parametrize(
    ("figure", "event"),
    [
        ("pairs-phi", {"picked_pair": [{"latent": 21, "partner": 20}]}),
        ("heatmap-phi", {"picked_cell": [{"latent": 21, "partner": 20}]}),
        ("relations-all", {"picked_relation": [{"a": 21, "b": 20}]}),
    ],
)
def test_a_click_on_a_pair_opens_its_page(
    open_page: Open, figure: str, event: dict[str, object]
) -> None:
    app = open_page("cooccurrence")
    act_in_chart(app, figure, **event)
    assert not app.exception
    assert app.title[0].value == "Pair"
    assert (app.query_params["latent"], app.query_params["partner"]) == ("21", "20")


@pytest.mark.parametrize(
    ("figure", "event"),
    [
        ("pairs-phi", {"brushed_pairs": {"pair": ["21 · a\n+ 20 · b", "22\n+ 20 · b"]}}),
        ("heatmap-phi", {"brushed_cells": {"a": ["20 · b", "21"], "b": ["22"]}}),
    ],
)
def test_a_drag_over_names_selects_the_latents(
    open_page: Open, figure: str, event: dict[str, object]
) -> None:
    app = open_page("cooccurrence", select="density>0 & latent=1..90")
    act_in_chart(app, figure, **event)
    assert app.query_params["select"] == "density>0 & latent=20..22"
    assert app.title[0].value == "Co-occurrence"


def test_every_interaction_of_the_charts_changes_the_view() -> None:
    assert {interaction.name for interaction in INTERACTIONS} == HANDLED


def test_a_box_on_the_map_by_cooccurrence_names_that_map(open_page: Open) -> None:
    app = open_page("map", map="cooccurrence", select="box(0,1,0,1)")
    act_in_chart(app, "map-cooccurrence", box_of_cooccurrence={"x": [2, -2], "y": [-3, 3]})
    assert app.query_params["select"] == "box(-2,2,-3,3,cooccurrence)"


def test_latents_without_a_cluster_are_selected(open_page: Open) -> None:
    app = open_page("map", select="cluster=2 & density<0.5", cluster=2)
    act_in_chart(app, "clusters", picked_cluster=[{"cluster": None}])
    assert app.query_params["select"] == "density<0.5 & cluster=none"
    assert app.query_params["cluster"] == "2"


def test_a_drag_over_the_matrix_selects_clusters_and_keeps_the_rest(open_page: Open) -> None:
    app = open_page("clusters", select="cluster=9 & density<0.5", cluster=2)
    names = {"a": ["days (3)", "cluster 5"], "b": ["cluster 1"]}
    act_in_chart(app, "cluster-matrix-phi", brushed_clusters=names)
    assert app.query_params["select"] == "density<0.5 & cluster=1,3,5"


@pytest.mark.parametrize(
    ("name", "x", "y"),
    [("brushed_strengths", "density", "max"), ("brushed_bins", "density_from", "max_from")],
)
def test_a_drag_over_activations_selects_two_ranges(
    open_page: Open, name: str, x: str, y: str
) -> None:
    app = open_page("overview", select="density<0.5 & max=2..3 & flag=live & mean>0")
    event = {name: {x: [0.01, 0.0123456], y: [12.3456, 1]}}
    act_in_chart(app, "max-activation-vs-density", **event)
    wanted = "flag=live & mean>0 & density=0.01..0.0123 & max=1..12.3"
    assert app.query_params["select"] == wanted


def test_a_box_in_the_plane_selects_the_members_inside(
    open_page: Open, planted_bundle: Bundle
) -> None:
    app = open_page("clusters", select="latent=7 & density<0.5", cluster=0)
    plane = (1, 2)
    rows = component_plane(planted_bundle, 0, plane).rows
    x = float(np.median(rows["x"].to_numpy()))
    ends = [(x, 1e9), (-1e9, 1e9)]
    act_in_chart(app, "cluster-0-components-1-2", brushed_plane={"x": [1e9, x], "y": [-1e9, 1e9]})
    members = members_inside(planted_bundle, 0, plane, ends)
    wanted = both(parse("density<0.5"), Latents(ids_of(members)))
    assert members and app.query_params["select"] == str(wanted)
    act_in_chart(app, "cluster-0-components-1-2", brushed_plane={})
    assert app.query_params["select"] == "density<0.5"


def test_only_the_chart_in_which_something_is_drawn_is_drawn_again(open_page: Open) -> None:
    app = open_page("overview")
    act_in_chart(app, "density-histogram", density={"log10_density": [-1.5, -1]})
    app.text_input(key="selection as text").set_value("flag=dead").run()
    generations = app.session_state[GENERATION]
    assert generations == {"density-histogram": 1}
    app.text_input(key="selection as text").set_value("flag=live").run()
    assert app.session_state[GENERATION] == generations


def test_a_cell_of_the_diagonal_opens_its_latent_and_any_other_its_pair(open_page: Open) -> None:
    for partner, page in ((8, "Latent"), (9, "Pair")):
        app = open_page("cooccurrence", select="latent=3,8,9,17")
        app = act_in_chart(app, "heatmap-phi", picked_cell=[{"latent": 8, "partner": partner}])
        assert app.title[0].value == page and app.query_params["latent"] == "8"


def _act(bundle_id: str, name: str, value: str) -> None:
    import json  # noqa: PLC0415

    from pages.widgets import events, session  # noqa: PLC0415

    session.note(bundle=bundle_id)
    if name == "choose":
        events.choose_cluster(int(value))
    else:
        events.act(name, json.loads(value))


@pytest.fixture
def acted(planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The parameters of the address after an interaction, without the drawn page."""
    monkeypatch.setenv("CLEARWATER_BUNDLES", str(planted_bundle.path.parent))
    st.cache_data.clear()

    def run(name: str, value: Any, **view: str) -> dict[str, Any]:
        given = (planted_bundle.manifest.bundle_id, name, json.dumps(value))
        app = AppTest.from_function(_act, args=given, default_timeout=60)
        for parameter, text in view.items():
            app.query_params[parameter] = text
        app.run()
        assert not app.exception
        return dict(app.query_params)

    return run


@pytest.mark.parametrize(
    ("name", "row", "before", "after"),
    [
        (
            "picked_value",
            {"column": "genre", "value": "code"},
            "profile(genre,prose) & flag=live",
            "flag=live & profile(genre,code)",
        ),
        ("picked_flag", {"flag": "dense"}, "flag=dead & cluster=4", "cluster=4 & flag=dense"),
        (
            "picked_pair_of_clusters",
            {"cluster": "12", "other": "3"},
            "cluster=9 & flag=live",
            "flag=live & cluster=3,12",
        ),
        ("picked_inner_cluster", {"members": "9,3"}, "latent=7 & flag=live", "latent=3,9"),
    ],
)
def test_a_click_takes_the_place_of_what_is_of_its_kind(
    acted: Any, name: str, row: dict[str, str], before: str, after: str
) -> None:
    assert acted(name, [row], select=before)["select"] == after


def test_only_clusters_of_the_bundle_are_chosen(acted: Any, planted_bundle: Bundle) -> None:
    last = planted_bundle.clusters.num_rows - 1
    row = planted_bundle.clusters.slice(last, 1).to_pylist()[0]
    chosen = acted("choose", last)
    assert (chosen["cluster"], chosen["select"]) == (str(last), f"cluster={last}")
    assert (chosen["space"], chosen["level"]) == (row["space"], str(row["level"]))
    for cluster in (-1, last + 1):
        assert "cluster" not in acted("choose", cluster)


def test_a_box_is_drawn_in_the_plane_of_the_view(acted: Any, planted_bundle: Bundle) -> None:
    rows = component_plane(planted_bundle, 0, (2, 1)).rows
    x, y = (float(np.median(rows[axis].to_numpy())) for axis in ("x", "y"))
    ends = [(x, 1e9), (-1e9, y)]
    members = members_inside(planted_bundle, 0, (2, 1), ends)
    assert members and members != members_inside(planted_bundle, 0, (1, 2), ends)
    box = {"x": list(ends[0]), "y": list(ends[1])}
    selected = acted("brushed_plane", box, cluster="0", component="2", against="1")
    assert selected["select"] == str(Latents(ids_of(members)))
    assert "select" not in acted("brushed_plane", box)  # no cluster is shown


def test_a_click_that_clears_a_box_opens_a_latent_and_keeps_the_selection(
    open_page: Open,
) -> None:
    app, name = open_page("overview"), "max-activation-vs-density"
    act_in_chart(app, name, brushed_strengths={"density": [0.001, 1], "max": [1, 99]})
    selected = app.query_params["select"]
    act_in_chart(app, name, picked=[{"latent": 17}])
    assert app.title[0].value == "Latent" and app.query_params["latent"] == "17"
    assert app.query_params["select"] == selected
