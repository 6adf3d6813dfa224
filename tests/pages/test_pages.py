import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from analysis.bundle import Bundle, open_bundle
from analysis.cooccurrence.communities import clarke_2024
from analysis.selection import evaluate, parse
from pages.widgets.choices import _TABS as TABS
from pages.widgets.events import KEY
from pages.widgets.session import GENERATION
from pages.widgets.trust import explanation
from tests.pages.conftest import ROOT, Open, texts
from tests.planted import Planted

PAGES = {"overview": 4, "map": 3, "clusters": 6, "cooccurrence": 2, "pair": 7, "latent": 4}
"""Charts on each page. A bundle without a model has no logit effects to draw, and the first pair is
an implication, so there is no context where only the one that is implied by nothing else fires."""


def charts(app: AppTest) -> list[object]:
    return list(app.get("vega_lite_chart"))


def do_in_chart(app: AppTest, name: str, **selection: object) -> AppTest:
    """What a browser sends when a reader acts in the chart of a figure."""
    state = app.session_state  # it has no `get`
    drawn = state[GENERATION] if GENERATION in state else 0  # noqa: SIM401
    state[f"{KEY} {name} {drawn}"] = {"selection": selection}
    return app.run()


@pytest.mark.parametrize("page", PAGES)
def test_every_page_draws_its_figures_without_errors(open_page: Open, page: str) -> None:
    app = open_page(page)
    assert not app.exception and not app.error
    assert len(charts(app)) == PAGES[page]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_the_selection_of_its_link(open_page: Open, page: str) -> None:
    app = open_page(page, select="flag=dead")
    assert not app.exception
    assert "**6** of 200 latents" in texts(app)
    assert app.text_input[0].value == "flag=dead"


@pytest.mark.parametrize("page", PAGES)
def test_every_page_stands_an_empty_selection(open_page: Open, page: str) -> None:
    app = open_page(page, select='"no such token anywhere"')
    assert not app.exception
    assert "**0** of 200 latents" in texts(app)


def test_a_selection_typed_in_the_field_reaches_the_address_bar(open_page: Open) -> None:
    app = open_page("map")
    app.text_input[0].set_value("density > 0.1").run()
    assert app.query_params["select"] == "density>0.1"
    assert "**4** of 200 latents" in texts(app)


def test_a_selection_that_cannot_be_read_is_explained_and_stays_to_be_mended(
    open_page: Open,
) -> None:
    app = open_page("map", select="flag=dead")
    app.text_input[0].set_value("density <").run()
    assert "ends where a value is expected" in app.error[0].value.replace("\\", "")
    assert app.text_input[0].value == "density <"
    assert "**6** of 200 latents" in texts(app)
    app.text_input[0].set_value("latent=3").run()
    assert not app.error and "**1** of 200 latents" in texts(app)


def test_clear_selects_everything(open_page: Open) -> None:
    app = open_page("map", select="flag=dead")
    next(button for button in app.button if button.label == "Clear").click().run()
    assert "select" not in app.query_params
    assert "**200** of 200 latents" in texts(app)


def test_the_view_is_kept_from_page_to_page(open_page: Open) -> None:
    app = open_page("map", select="flag=dead", measure="jaccard")
    app.query_params.clear()
    app.switch_page("pages/cooccurrence.py").run()
    assert not app.exception
    assert "**6** of 200 latents" in texts(app)
    assert app.query_params["measure"] == "jaccard"


def test_a_box_on_the_map_selects_what_it_holds(open_page: Open, planted_bundle: Bundle) -> None:
    x, y = (planted_bundle.latents[name].drop_null().to_numpy() for name in ("x", "y"))
    app = open_page("map", select="active_tokens>0")
    do_in_chart(app, "map", box={"x": [float(x.min()) - 1, float(x.mean())], "y": [-999, 999]})
    assert not app.exception
    text = app.query_params["select"]
    assert text.startswith("active_tokens>0 & box(")
    inside = int((x <= round(float(x.mean()), 4)).sum())
    assert f"**{inside}** of 200 latents" in texts(app)
    assert y.size > inside > 0


def test_a_new_box_takes_the_place_of_the_last_and_an_emptied_one_vanishes(
    open_page: Open,
) -> None:
    app = open_page("map", select="box(0,1,0,1) & density<0.5")
    for x1 in (2, 3):
        do_in_chart(app, "map", box={"x": [-2, x1], "y": [5, 1]})
        assert app.query_params["select"] == f"density<0.5 & box(-2,{x1},1,5)"
    do_in_chart(app, "map", box={})
    assert app.query_params["select"] == "density<0.5"


def test_an_event_counts_once(open_page: Open) -> None:
    app = open_page("map")
    do_in_chart(app, "map", box={"x": [-2, 2], "y": [-2, 2]})
    assert app.query_params["select"] == "box(-2,2,-2,2)"
    app.text_input[0].set_value("flag=dead").run()
    assert app.query_params["select"] == "flag=dead"


def test_an_interval_of_densities_is_a_pair_of_comparisons(open_page: Open) -> None:
    app = open_page("overview")
    do_in_chart(app, "density-histogram", density={"log10_density": [-1.5, -1]})
    assert app.query_params["select"] == "density>=0.0316 & density<=0.1"
    do_in_chart(app, "density-histogram", density={"log10_density": [-99, -1]})
    assert app.query_params["select"] == "density<=0.1"


def test_clicks_on_bars_select_clusters_and_flags(open_page: Open) -> None:
    app = open_page("map", level=0)
    do_in_chart(app, "clusters", picked_cluster=[{"cluster": 1}])
    assert app.query_params["select"] == "cluster=1"
    app = open_page("overview")
    do_in_chart(app, "flag-counts", picked_flag=[{"flag": "dense"}])
    assert app.query_params["select"] == "flag=dense"


def test_a_click_on_a_latent_opens_its_page(open_page: Open) -> None:
    app = open_page("map")
    do_in_chart(app, "map", picked=[{"latent": 17}])
    assert app.query_params["latent"] == "17"
    assert app.subheader[0].value.startswith("Latent 17")


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
    do_in_chart(app, figure, **event)
    assert not app.exception
    assert app.title[0].value == "Pair"
    assert (app.query_params["latent"], app.query_params["partner"]) == ("21", "20")


@pytest.mark.parametrize("tab", TABS)
def test_every_part_of_the_cooccurrence_page_opens_by_its_link(open_page: Open, tab: str) -> None:
    app = open_page("cooccurrence", tab=tab, latent=11)
    assert not app.exception and not app.error
    assert len(charts(app)) == (2 if tab == "pairs" else 1)
    assert app.query_params.get("tab", "pairs") == tab


def test_the_components_of_clarke_are_a_choice_beside_the_levels(
    open_page: Open, planted_bundle: Bundle
) -> None:
    app = open_page("cooccurrence", tab="communities", community_level=-1)
    assert not app.exception
    assert "Clarke et al" in texts(app)
    before = app.query_params.get("select", "")
    sizes = clarke_sizes(planted_bundle)
    do_in_chart(app, f"component-sizes-{len(sizes)}", picked_component=[{"component": 0}])
    assert before == "" and app.query_params["select"].startswith("latent=")
    assert f"**{sizes[0]}** of 200 latents" in texts(app)


def clarke_sizes(bundle: Bundle) -> list[int]:
    active = bundle.latents["active_tokens"].to_numpy()
    dense = np.array(bundle.latents["flag"].to_pylist()) == "dense"
    return list(clarke_2024(bundle.partners, active, eligible=~dense).sizes)


def test_a_click_on_a_community_selects_it(open_page: Open, planted_bundle: Bundle) -> None:
    app = open_page("cooccurrence", tab="communities")
    count = planted_bundle.manifest.communities[0].communities
    do_in_chart(app, f"community-sizes-{count}", picked_community=[{"community": 1}])
    assert app.query_params["select"] == "community=1"
    size = sum(one == 1 for one in planted_bundle.communities["community"].to_pylist())
    assert f"**{size}** of 200 latents" in texts(app)


def test_the_pair_page_says_counts_answers_and_the_relation(
    open_page: Open, planted: Planted
) -> None:
    a, b = planted.duplicates[0]
    app = open_page("pair", latent=a, partner=b)
    assert not app.exception and not app.error
    said = texts(app)
    assert "Do they share documents?" in said and "more than by chance" in said
    assert "Listed as **duplicate**, q = " in said
    independent = open_page("pair", latent=160, partner=161)
    assert "The pair is listed in none of the relations." in texts(independent)


def test_a_link_to_half_a_pair_is_mended(open_page: Open) -> None:
    for params in ({}, {"latent": 8}, {"latent": 8, "partner": 8}, {"latent": 8, "partner": 5000}):
        app = open_page("pair", **params)
        assert not app.exception and not app.error
        a, b = int(app.query_params["latent"]), int(app.query_params["partner"])
        assert a != b and 0 <= b < 200
        assert a == params.get("latent", a)


def test_swap_threshold_and_window_are_kept_in_the_address(open_page: Open) -> None:
    app = open_page("pair", latent=8, partner=1)
    next(button for button in app.button if button.label == "Swap").click().run()
    assert (app.query_params["latent"], app.query_params["partner"]) == ("1", "8")
    next(f for f in app.number_input if f.label == "Active above").set_value(1.5).run()
    next(f for f in app.number_input if f.label.startswith("Window")).set_value(32).run()
    assert app.query_params["threshold"] == "1.5" and app.query_params["window"] == "32"
    assert not app.exception
    assert "A window is 32 consecutive kept tokens" in texts(app)
    assert "The tests use the threshold of the bundle" in texts(app)


def test_a_partner_of_the_latent_page_opens_the_pair(open_page: Open) -> None:
    app = open_page("latent", latent=8)
    box = next(one for one in app.selectbox if one.label.startswith("Open pair with"))
    box.select_index(0).run()
    assert not app.exception
    assert app.title[0].value == "Pair" and app.query_params["latent"] == "8"


def test_a_pair_with_a_dead_latent_is_shown(open_page: Open) -> None:
    app = open_page("pair", latent=190, partner=3)
    assert not app.exception and not app.error


def test_the_latent_page_walks_the_selection(open_page: Open) -> None:
    app = open_page("latent", select="latent=3,8,170", latent=8)
    next(button for button in app.button if button.label == "Next").click().run()
    assert app.subheader[0].value.startswith("Latent 170")
    assert next(button for button in app.button if button.label == "Next").disabled


def test_a_dead_latent_says_so(open_page: Open) -> None:
    app = open_page("latent", latent=190)
    assert not app.exception
    assert app.warning[0].value.startswith("Dead")


def test_a_latent_is_found_by_its_words(open_page: Open, planted_bundle: Bundle) -> None:
    app = open_page("latent")
    field = next(f for f in app.text_input if f.label.startswith("Find"))
    field.set_value("whale").run()
    hits = next(box for box in app.selectbox if box.label.endswith("hits"))
    assert len(hits.options) >= 1
    hits.select_index(0).run()
    found = int(app.query_params["latent"])
    row = planted_bundle.latents.slice(found, 1).to_pylist()[0]
    assert "whale" in (row["label"] + " ".join(row["top_tokens"])).lower()


def test_a_link_to_an_unknown_bundle_is_refused_in_one_sentence(open_page: Open) -> None:
    app = open_page("overview", bundle="../../etc/passwd")
    assert not app.exception
    assert "is not on this server" in app.error[0].value
    assert not charts(app)


def test_without_any_bundle_the_command_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.widgets.bundles.folders", lambda: [tmp_path])
    st.cache_data.clear()
    app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=60).run()
    assert "There is no bundle" in app.error[0].value
    assert app.code[0].value.startswith("python -m analysis build")


def test_the_dashboard_opens_without_the_libraries_of_the_analysis(
    planted_bundle: Bundle,
) -> None:
    probe = (
        "import sys, runpy; runpy.run_path('dashboard.py'); "
        "import charts.core.export, charts.map, charts.density, charts.health; "
        "print([m for m in ('torch', 'transformers', 'umap', 'numba', 'sklearn') "
        "if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=ROOT,
        env=os.environ | {"CLEARWATER_BUNDLES": str(planted_bundle.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_a_click_in_the_tree_looks_at_a_cluster_and_selects_it_everywhere(
    open_page: Open, planted_bundle: Bundle
) -> None:
    coarse = planted_bundle.clusters.num_rows - 1
    level = planted_bundle.clusters["level"][coarse].as_py()
    app = open_page("clusters", select="density<0.5")
    assert app.subheader[0].value.startswith("Cluster 0")
    do_in_chart(app, "cluster-tree", picked_cluster=[{"cluster": coarse}])
    assert app.query_params["select"] == f"density<0.5 & cluster={coarse}"
    assert app.subheader[0].value.startswith(f"Cluster {coarse}")
    assert app.query_params.get("level", "0") == str(level)


def test_a_link_shows_its_cluster_and_its_components(
    open_page: Open, planted_bundle: Bundle
) -> None:
    app = open_page("clusters", cluster=3, component=3, against=1, classes="token")
    row = planted_bundle.clusters.to_pylist()[3]
    said = texts(app)
    assert f"Cluster 3 · {row['label']}" in said
    assert "components 3 and 1" in said
    weak = [warning for warning in app.warning if "This cluster is weak evidence" in warning.value]
    assert bool(weak) == (row["stability"] < 0.5)


def test_a_cell_of_the_cluster_matrix_selects_both_clusters(open_page: Open) -> None:
    app = open_page("clusters")
    cell = {"cluster": 4, "other": 2}
    do_in_chart(app, "cluster-matrix-phi", picked_pair_of_clusters=[cell])
    assert app.query_params["select"] == "cluster=2,4"


def test_an_unknown_cluster_in_a_link_gives_way_to_the_largest(open_page: Open) -> None:
    app = open_page("clusters", cluster=10**6)
    assert not app.exception
    assert app.subheader[0].value.startswith("Cluster 0")


def test_zoom_goes_to_the_selection_out_and_back(open_page: Open, planted_bundle: Bundle) -> None:
    app = open_page("map", select="cluster=1")
    buttons = {button.label: button for button in app.button}
    assert buttons["Out"].disabled and buttons["Whole map"].disabled
    buttons["To the selection"].click().run()
    window = [float(edge) for edge in app.query_params["viewport"].split(",")]
    members = evaluate(parse("cluster=1"), planted_bundle)
    for axis, (low, high) in zip(("x", "y"), (window[:2], window[2:]), strict=True):
        places = planted_bundle.latents[axis].to_numpy(zero_copy_only=False)[members]
        assert low <= places.min() and places.max() <= high
        assert high - low < 1.1 * (places.max() - places.min()) + 1e-3
    next(button for button in app.button if button.label == "Out").click().run()
    wider = [float(edge) for edge in app.query_params["viewport"].split(",")]
    assert wider[1] - wider[0] > window[1] - window[0]
    next(button for button in app.button if button.label == "Whole map").click().run()
    assert "viewport" not in app.query_params


def test_another_level_shows_the_cluster_with_the_same_latents(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARWATER_BUNDLES", str(ROOT / "data"))
    members = open_bundle(ROOT / "data" / "demo").memberships.to_pandas()
    largest = members.loc[members["level"] == 1, "cluster"].min()
    found = 0
    for fine in members.loc[members["level"] == 0, "cluster"].unique()[:3].tolist():
        latents = members.loc[members["cluster"] == fine, "latent"]
        above = members[(members["level"] == 1) & members["latent"].isin(latents)]["cluster"]
        app = open_page("clusters", cluster=fine, level=1)
        assert int(app.query_params["cluster"]) in (above.mode().tolist() or [largest])
        found += not above.empty
    assert found


def test_a_cluster_that_is_chosen_by_name_is_selected(
    open_page: Open, planted_bundle: Bundle
) -> None:
    app = open_page("clusters", select="density<0.5", cluster=0)
    app.selectbox(key="pick cluster").set_value(1).run()
    assert app.query_params["cluster"] == "1"
    assert app.query_params["select"] == "density<0.5 & cluster=1"


def scored(row: dict[str, object], monkeypatch: pytest.MonkeyPatch, bundle: Bundle) -> str:
    """What is said of an explanation."""
    said: list[str] = []
    monkeypatch.setattr(st, "markdown", said.append)
    monkeypatch.setattr(st, "caption", said.append)
    explanation(row, bundle, "the latent")
    return " ".join(said)


@pytest.mark.parametrize(
    ("precision", "recall", "expected"),
    [
        (0.5, 0.25, "precision 50\u00a0%"),
        (None, 0.0, "it names no held-out word"),
        (None, None, "no score"),
    ],
)
def test_an_explanation_says_its_own_score(
    precision: float | None,
    recall: float | None,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    planted_bundle: Bundle,
) -> None:
    row = {
        "explanation": "dogs",
        "explanation_source": "imported: mine.csv",
        "explanation_precision": precision,
        "explanation_recall": recall,
    }
    said = scored(row, monkeypatch, planted_bundle)
    assert "dogs" in said and expected in said
    assert scored(row | {"explanation": ""}, monkeypatch, planted_bundle) == ""
