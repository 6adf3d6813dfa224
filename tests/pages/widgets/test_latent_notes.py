"""The note on the Latent page, and the way to the next latent without one."""

from pathlib import Path

import numpy as np
import pytest
import streamlit as st

from analysis.bundle import Bundle
from analysis.notes.noted_latents import NotedLatents
from analysis.notes.unread import unread
from tests.pages.conftest import Open, click, texts


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARWATER_NOTES", f"sqlite:///{tmp_path / 'notes.sqlite'}")
    st.cache_resource.clear()


def test_the_next_latent_without_a_note(open_page: Open, planted_bundle: Bundle) -> None:
    mask = np.isin(np.arange(planted_bundle.latents.num_rows), (3, 8, 20, 191))
    order = unread(planted_bundle, NotedLatents(), mask).tolist()
    assert set(order) == {3, 8, 20}
    app = open_page("latent", select="latent=3,8,20,191", latent=order[0])
    click(app, "Fits")
    assert "1: the label fits" in texts(app)
    click(app, "Next without a note")
    assert app.query_params["latent"] == str(order[1])
    click(app, "Next without a note")
    assert app.query_params["latent"] == str(order[2])
    click(app, "Next without a note")
    assert app.query_params["latent"] == str(order[1])  # the first one has a vote
    click(app, "Random")
    assert app.query_params["latent"] == str(order[2])


def test_a_selection_of_notes_follows_what_is_written(open_page: Open) -> None:
    app = open_page("latent", select="status=none", latent=3)
    assert "**200** of 200 latents" in [m.value for m in app.markdown]
    click(app, "Fits")
    app.run()
    assert "**199** of 200 latents" in [m.value for m in app.markdown]
