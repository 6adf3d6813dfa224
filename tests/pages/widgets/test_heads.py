"""The numbers of a head are those of its row, in the right unit."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from analysis.bundle import Bundle, LevelName
from pages.widgets import heads
from pages.widgets.heads import cluster_numbers, latent_numbers
from pages.widgets.pickers import ChosenCluster
from tests.pages.conftest import click, texts

LATENT: dict[str, Any] = {
    "density": 0.00012, "active_tokens": 1234, "active_documents": 56, "median": 1.5, "max": 7.25,
    "decoder_norm": 0.5, "map_recall": 0.3, "cluster": 0,
    "cluster_cooccurrence": 7,
}  # fmt: skip
CLUSTER: dict[str, Any] = {
    "size": 1234, "stability": 0.25, "bootstrap": 0.75, "active_tokens": 500, "mean_density": 0.01
}  # fmt: skip


def test_a_name_in_a_head_has_at_most_120_characters() -> None:
    assert heads._name("") == ""
    assert heads._name("x" * 120) == f" · {'x' * 120}"
    assert len(heads._name("x" * 121)) == len(" · ") + 120


def test_numbers_of_a_latent() -> None:
    cells = latent_numbers(LATENT, 10_000_000)
    values = {name: value.replace("\u00a0", " ") for name, (value, _) in cells.items()}
    assert values == {
        "Density": "1.2e-4 (0.012 %)",
        "Active tokens": "1,234",
        "Documents": "56",
        "Median": "1.5",
        "Maximum": "7.25",
        "Decoder norm": "0.5",
        "Map recall": "0.3",
        "Co-occurrence cluster": "7",
        "Decoder cluster": "0",
    }
    assert "10,000,000 kept tokens" in cells["Density"][1]
    alone = latent_numbers(LATENT | {"cluster_cooccurrence": None}, 1)
    assert alone["Co-occurrence cluster"][0] == "none" and alone["Decoder cluster"][0] == "0"
    named = latent_numbers(LATENT, 1, {7: "sea (7)"})
    assert named["Co-occurrence cluster"][0] == "sea (7)" and named["Decoder cluster"][0] == "0"


def test_the_clusters_of_a_latent_have_their_names(planted_bundle: Bundle) -> None:
    rows = planted_bundle.clusters.select(["cluster", "label"]).to_pylist()
    labels = {row["cluster"]: row["label"] for row in rows}
    row = planted_bundle.latents.slice(8, 1).to_pylist()[0]
    names = heads._names_of_clusters(planted_bundle, row)
    assert set(names) == {row["cluster"], row["cluster_cooccurrence"]} - {None}
    for cluster, name in names.items():
        start = name.removesuffix(f" ({cluster})").removesuffix("…").strip()
        assert start and labels[cluster].startswith(start)


def test_numbers_of_a_cluster() -> None:
    cells = cluster_numbers(CLUSTER, 2000)
    values = {name: value.replace("\u00a0", " ") for name, (value, _) in cells.items()}
    assert values == {
        "Latents": "1,234",
        "Stability": "0.25",
        "Bootstrap": "0.75",
        "Active tokens": "500 (25 %)",
        "Mean density": "1.0e-2 (1 %)",
    }


def test_a_latent_is_looked_up_only_if_its_sae_is_known(planted_bundle: Bundle) -> None:
    assert heads._neuronpedia(planted_bundle, 8) is None
    sae = planted_bundle.manifest.sae.model_copy(update={"neuronpedia_id": "gpt2-small/8-res-jb"})
    manifest = planted_bundle.manifest.model_copy(update={"sae": sae})
    address = heads._neuronpedia(replace(planted_bundle, manifest=manifest), 8)
    assert address == "https://www.neuronpedia.org/gpt2-small/8-res-jb/8"


def test_a_latent_without_a_label_is_called_by_its_three_top_tokens() -> None:
    tokens = [" sea", "ship", "tide ", "wave"]
    assert heads._title_of({"label": "sea", "top_tokens": tokens}) == "sea"
    titled = heads._title_of({"label": "", "top_tokens": tokens})
    assert titled == "No label · fires on “sea”, “ship”, “tide”"
    assert heads._title_of({"label": "", "top_tokens": None}) == "No label"
    of_signs = heads._title_of({"label": "", "top_tokens": ["  ", "\n", "|"]})
    assert of_signs == "No label · fires on “␣␣”, “↵”, “\\|”"


@pytest.mark.parametrize(
    ("verdict", "colour"), [("weak", "orange"), ("reproducible", "green"), ("not tested", "gray")]
)
def test_the_badge_of_a_cluster_has_the_colour_of_its_verdict(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch, verdict: str, colour: str
) -> None:
    written: list[str] = []
    monkeypatch.setattr(heads, "verdict_on", lambda row: verdict)
    monkeypatch.setattr(st, "subheader", lambda text, **_: written.append(text))
    chosen = ChosenCluster(0, LevelName("decoder", 0), np.zeros(200, bool), 0)
    heads.cluster_head(planted_bundle, chosen)
    assert written[0].startswith("Cluster 0") and f":{colour}-badge[{verdict}]" in written[0]


def _head(path: str, what: str, numbers: list[int]) -> None:
    from dataclasses import replace  # noqa: PLC0415

    import streamlit as st  # noqa: PLC0415

    from analysis.bundle import open_bundle  # noqa: PLC0415
    from analysis.cooccurrence.pair import read_pair  # noqa: PLC0415
    from pages.widgets import heads, session  # noqa: PLC0415

    bundle = st.cache_resource(open_bundle)(path)
    sae = bundle.manifest.sae.model_copy(update={"neuronpedia_id": "gpt2-small/8-res-jb"})
    bundle = replace(bundle, manifest=bundle.manifest.model_copy(update={"sae": sae}))
    session.current()
    if what == "latent":
        heads.latent_actions(bundle, numbers[0])
    elif what == "pair":
        a, b = numbers
        heads.pair_head(bundle, read_pair(bundle, a, b, 0.0, 16))
    else:
        cluster, *parents = numbers
        heads._cluster_links({"cluster": cluster, "parent": next(iter(parents), None)})


def _open(shown: Bundle, what: str, *numbers: int, **view: str) -> AppTest:
    parts = {"path": str(shown.path), "what": what, "numbers": list(numbers)}
    app = AppTest.from_function(_head, default_timeout=60, kwargs=parts)
    for name, value in view.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def test_the_actions_of_a_latent_select_it_and_its_family(planted_bundle: Bundle) -> None:
    row = planted_bundle.latents.slice(8, 1).to_pylist()[0]
    app = _open(planted_bundle, "latent", 8, measure="jaccard")
    selections = {
        "this latent": "latent=8",
        "its nearest decoder vectors": "near(8)",
        "its partners": "partners(8,jaccard,20)",
        "its decoder cluster": f"cluster={row['cluster']}",
        "its co-occurrence cluster": f"cluster={row['cluster_cooccurrence']}",
    }
    for words, selection in selections.items():
        assert click(app, words).query_params["select"] == selection


def test_a_latent_is_not_looked_up_where_links_to_other_sites_are_off(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    (link,) = _open(planted_bundle, "latent", 8).get("link_button")
    assert link.proto.url.endswith("/gpt2-small/8-res-jb/8")
    monkeypatch.setenv("CLEARWATER_LINKS_OUT", "off")
    assert not _open(planted_bundle, "latent", 8).get("link_button")


def test_the_latents_of_a_pair_have_the_colours_of_its_charts_and_their_flags(
    planted_bundle: Bundle,
) -> None:
    headings = texts(_open(planted_bundle, "pair", 190, 3)).splitlines()
    assert headings[0].startswith("#### :orange[a] 190")
    assert headings[1] == ":gray-badge[dead]"
    assert headings[2].startswith("#### :blue[b] 3") and "badge" not in headings[3]


def test_the_head_of_a_cluster_leads_to_its_latents_and_its_parent(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARWATER_BUNDLES", str(planted_bundle.path.parent))
    st.cache_data.clear()
    app = _open(planted_bundle, "cluster", 2, 1, bundle=planted_bundle.manifest.bundle_id)
    click(app, "Select its latents on every page")
    assert app.query_params["select"] == "cluster=2"
    click(app, "Go to parent cluster 1")
    assert app.query_params["cluster"] == "1"
    (only,) = _open(planted_bundle, "cluster", 2).button
    assert only.label == "Select its latents on every page"
