"""The latent of a page: from the link, else the first of the selection, and its neighbours."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import streamlit as st

from analysis.bundle import Bundle
from analysis.selection.tours.first_views import first_latent
from pages.widgets import latent_picker
from pages.widgets.latent_picker import _next_selected
from pages.widgets.page import Page
from pages.widgets.state import ViewState
from tests.pages.conftest import Open


def test_an_unknown_latent_is_explained(open_page: Open) -> None:
    app = open_page("latent", latent=200)
    assert app.query_params["latent"] == "199"
    assert app.warning[0].value.startswith("There is no latent 200: this SAE has latents 0 to 199.")
    assert not any("no latent" in w.value for w in open_page("latent", latent=199).warning)


def test_the_first_live_latent_of_the_selection_is_shown(open_page: Open) -> None:
    app = open_page("latent", select="latent=190,170,17")
    assert app.query_params["latent"] == "17"


def test_without_a_selection_the_first_latent_of_the_bundle_is_shown(
    open_page: Open, planted_bundle: Bundle
) -> None:
    first = first_latent(planted_bundle)
    assert first and open_page("latent").query_params["latent"] == str(first)
    assert open_page("latent", latent=0).query_params["latent"] == "0"


def test_without_labels_the_first_live_latent_is_shown(
    open_page: Open, planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.widgets.latent_picker.first_latent", lambda _: None)
    tokens = planted_bundle.latents["active_tokens"].to_numpy()
    assert open_page("latent").query_params["latent"] == str(int(np.argmax(tokens > 0)))


def test_the_next_and_the_previous_selected_latent_by_id() -> None:
    mask = np.zeros(10, dtype=bool)
    mask[[2, 5, 9]] = True
    after = {latent: _next_selected(mask, latent, 1) for latent in range(10)}
    before = {latent: _next_selected(mask, latent, -1) for latent in range(10)}
    assert after == {0: 2, 1: 2, 2: 5, 3: 5, 4: 5, 5: 9, 6: 9, 7: 9, 8: 9, 9: None}
    assert before == {0: None, 1: None, 2: None, 3: 2, 4: 2, 5: 2, 6: 5, 7: 5, 8: 5, 9: 5}


def test_a_random_latent_is_another_active_one_of_the_selection(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressed: list[dict[str, Any]] = []
    monkeypatch.setattr(st, "button", lambda *_, **given: pressed.append(given))
    mask = np.zeros(200, dtype=bool)
    mask[[3, 8, 17, 190]] = True  # 190 is dead
    page = Page(planted_bundle, ViewState(), mask)
    latent_picker._random_step(page, 8)
    latent_picker._random_step(replace(page, mask=np.arange(200) == 8), 8)
    assert pressed[0]["args"][0].tolist() == [3, 17] and not pressed[0]["disabled"]
    assert pressed[1]["disabled"]
