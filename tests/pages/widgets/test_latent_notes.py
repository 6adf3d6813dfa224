"""The note on the Latent page, and the way to the next latent without one."""

from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from analysis.bundle import Bundle
from analysis.notes.noted_latents import NotedLatents
from analysis.notes.subjects import latent_subject
from analysis.notes.unread import unread
from pages.widgets import noted, tables
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
    click(app, "Random without a note")
    assert app.query_params["latent"] == str(order[2])


def test_who_cannot_write_notes_has_no_queue_of_them(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page("latent", latent=3)
    keys = {button.label: str(button.proto.shortcut) for button in app.button}
    assert {"Note": "n", "Fits": "y", "Does not fit": "x"}.items() <= keys.items()
    assert keys["Next without a note"] == "j"
    monkeypatch.setattr("pages.widgets.latent_notes.i_may", lambda *_: False)
    assert not {"Next without a note", "Random without a note"} & {
        button.label for button in app.run().button
    }


def test_a_selection_of_notes_follows_what_is_written(open_page: Open) -> None:
    app = open_page("latent", select="status=none", latent=3)
    assert "**200** of 200 latents" in [m.value for m in app.markdown]
    click(app, "Fits")
    app.run()
    assert "**199** of 200 latents" in [m.value for m in app.markdown]


def shortcuts(app: AppTest) -> list[str]:
    """Of the buttons that open the form of a note."""
    return [str(b.proto.shortcut) for b in app.button if b.label == "Note"]


def tick(app: AppTest, table: int, name: str, rows: list[int]) -> list[int]:
    """Tick rows of a table, and return the latents that it lists."""
    listed: list[int] = app.dataframe[table].value["latent"].tolist()
    key = f"table of {name} {tables._digest(listed)}"
    app.session_state[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    app.run()
    assert not app.exception
    return listed


def test_the_latent_in_focus_on_a_map_has_its_note_there(
    open_page: Open, planted_bundle: Bundle
) -> None:
    app = open_page("map")
    assert shortcuts(app) == []
    app = open_page("map", latent=3)
    assert "**Latent 3** " in texts(app) and shortcuts(app) == ["n"]
    click(app, "Does not fit")
    assert not app.exception
    place = noted.place_of(planted_bundle)
    (vote,) = noted.note_store().votes(place, latent_subject(3))
    assert vote.value == -1 and vote.label == planted_bundle.latents["label"][3].as_py()
    click(app, "Note")
    assert len(app.text_area) == 1
    assert shortcuts(open_page("map", latent=planted_bundle.latents.num_rows)) == []


def test_one_ticked_row_of_a_table_has_its_note_there(open_page: Open) -> None:
    app = open_page("map", select="latent=3,8,20", latent=8)
    app.session_state["tabs of the rail"] = "Latents"
    app.run()
    (_, ticked, _) = tick(app, 0, "selected latents", [1])
    assert f"**Latent {ticked}** " in texts(app) and shortcuts(app) == ["n"]
    tick(app, 0, "selected latents", [0, 1])
    assert "**Latent 8** " in texts(app) and shortcuts(app) == ["n"]


def test_on_a_page_with_a_note_the_key_is_that_of_the_page(open_page: Open) -> None:
    app = open_page("clusters")
    assert shortcuts(app) == ["n"]
    listed = tick(app, 1, "members", [0])
    assert f"**Latent {listed[0]}** " in texts(app) and shortcuts(app) == ["n", ""]
