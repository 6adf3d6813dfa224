"""The Overview shows the health of the SAE, as counted from the tables with NumPy."""

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from analysis.bundle import Bundle
from charts.cluster_cards import cluster_cards
from pages.widgets.export_menu import SHOWN
from pages.widgets.reading import FEW, MANY
from tests.conftest import DEMO_BUNDLE
from tests.pages.conftest import Open, texts
from tests.planted import DEAD, DENSE, LATENTS


def test_the_numbers_of_the_planted_bundle(open_page: Open, planted_bundle: Bundle) -> None:
    app = open_page("overview")
    shown = {metric.label: metric.value for metric in app.metric}
    active = planted_bundle.latents["active_tokens"].to_numpy()
    tokens = planted_bundle.documents["tokens"].to_numpy().sum()
    assert tokens == 60 * 333 and (active == 0).sum() == len(DEAD)
    assert (active > 0.1 * tokens).sum() == len(DENSE)
    assert shown == {
        "Latents": str(LATENTS),
        "Kept tokens": "19,980",
        "Documents": "60",
        "L0": f"{active.sum() / tokens:.3g}",
        "Explained variance": "–",
        "Dead": str(len(DEAD)),
        "Dense": str(np.count_nonzero(active > 0.1 * tokens)),
    }
    assert not app.warning


def test_the_overview_says_how_the_bundle_was_made(open_page: Open, planted_bundle: Bundle) -> None:
    text = texts(open_page("overview"))
    assert planted_bundle.manifest.bundle_id in text
    assert "Is it healthy?" in text


def test_the_overview_first_shows_what_is_in_the_sae(
    open_page: Open, planted_bundle: Bundle
) -> None:
    app = open_page("overview")
    headings = [heading.value for heading in app.subheader]
    assert headings[:2] == ["What is in here?", "Is it healthy?"]
    cards = cluster_cards(planted_bundle, FEW)
    buttons = [button for button in app.button if button.label == "Show the cluster"]
    assert [button.key for button in buttons] == [f"card {card.cluster}" for card in cards]
    assert f"{cards[0].size} latents" in texts(app).replace("\\", "")


def test_more_clusters_are_shown_on_request(open_page: Open, planted_bundle: Bundle) -> None:
    app = open_page("overview")
    app.toggle(key="more cards").set_value(True).run()
    buttons = [button for button in app.button if button.label == "Show the cluster"]
    assert len(buttons) == len(cluster_cards(planted_bundle, MANY)) > FEW


def test_a_card_opens_its_cluster(open_page: Open, planted_bundle: Bundle) -> None:
    app = open_page("overview")
    second = cluster_cards(planted_bundle, FEW)[1]
    app.button(key=f"card {second.cluster}").click().run()
    assert f"Cluster {second.cluster}" in texts(app)
    assert not app.exception


def figures(app: AppTest) -> set[str]:
    """The names of what the page has shown."""
    return {one.name for one in app.session_state[SHOWN]}


@pytest.mark.skipif(not DEMO_BUNDLE.is_dir(), reason="the demo is not here")
def test_a_topk_sae_has_no_chart_of_a_single_bar(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {"flag-counts", "active-latents-per-token"} <= figures(open_page("overview"))
    monkeypatch.setenv("CLEARWATER_BUNDLES", str(DEMO_BUNDLE))
    st.cache_data.clear()
    shown = figures(open_page("overview"))
    assert "flag-counts" in shown and "active-latents-per-token" not in shown
