"""The selection bar parses, explains, clears and shares the selection."""

import json
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from analysis.bundle import Bundle
from analysis.notes.note_content import note_content
from analysis.notes.subjects import latent_subject
from analysis.selection import text_search
from pages.widgets import noted, selection_bar
from pages.widgets.markdown import plain
from pages.widgets.state import ViewState
from tests.pages.conftest import Open, click, texts


def test_a_selection_typed_in_the_field_reaches_the_address_bar(open_page: Open) -> None:
    app = open_page("map")
    app.text_input[0].set_value("density > 0.1").run()
    assert app.query_params["select"] == "density>0.1"
    assert "**4** of 200 latents" in texts(app)


def test_an_invalid_selection_is_explained_and_kept_for_correction(
    open_page: Open,
) -> None:
    app = open_page("map", select="flag=dead")
    app.text_input[0].set_value("density <").run()
    assert "ends where a value is expected" in app.error[0].value.replace("\\", "")
    assert app.text_input[0].value == "density <"
    assert "of 200 latents" not in texts(app)  # the number is of the selection before
    assert _named(app) == ""  # nothing can be given a name
    app.text_input[0].set_value("latent=3").run()
    assert not app.error and "**1** of 200 latents" in texts(app)
    assert _named(app) == "latent=3"


def _named(app: AppTest) -> str:
    """The selection that can be given a name."""
    protos = [element.proto for element in app.get("bidi_component")]
    name = "clearwater_named_selections"
    (data,) = [json.loads(one.json) for one in protos if one.component_name == name]
    return str(data["selection"])


def test_an_error_goes_when_the_selection_changes_or_is_cleared(open_page: Open) -> None:
    app = open_page("overview")
    assert app.button(key="undo selection").disabled
    app.text_input[0].set_value("latent=3").run()
    app.text_input[0].set_value("[a](b) <").run()
    assert app.error[0].value == plain(app.error[0].value.replace("\\", ""), 1000)
    app.query_params["select"] = "latent=3,4"  # as a chart or a link of the page does
    app.run()
    assert not app.error and app.text_input[0].value == "latent=3,4"
    app.query_params["select"] = "latent=3"
    app.run()
    assert not app.error
    click(app, "Clear")
    app.text_input[0].set_value("density <").run()
    assert app.error
    click(app, "Clear")  # also where nothing is selected
    assert not app.error and app.text_input[0].value == ""


def test_a_selection_by_notes_follows_them(
    planted_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARWATER_NOTES", f"sqlite:///{tmp_path / 'notes.sqlite'}")
    view = ViewState(select="status=checked | tag=odd")
    mask, problem = selection_bar._mask(planted_bundle, view)
    assert (int(mask.sum()), problem) == (0, "")
    place = noted.place_of(planted_bundle)
    noted.note_store().write(place, latent_subject(8), note_content("n", ["odd"]), 0, "bob")
    mask, _ = selection_bar._mask(planted_bundle, view)
    assert np.flatnonzero(mask).tolist() == [8]


def test_clear_selects_everything(open_page: Open) -> None:
    app = open_page("map", select="flag=dead")
    click(app, "Clear")
    assert "select" not in app.query_params
    assert "**200** of 200 latents" in texts(app)


def test_a_selection_that_takes_too_long_is_explained(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_search, "MOST_SECONDS", 0.0)
    app = open_page("map", select="/wh.*le/")
    assert "takes longer than 0 s" in app.error[0].value
    assert "of 200 latents" not in texts(app)


def test_words_side_by_side_are_written_with_and(open_page: Open) -> None:
    app = open_page("map")
    app.text_input[0].set_value("a e density=0..1").run()
    assert app.query_params["select"] == '"a" & "e" & density=0..1'


def test_selections_are_undone_and_made_again(open_page: Open) -> None:
    app = open_page("map", select="flag=dead")
    assert app.button(key="undo selection").disabled
    for text in ("latent=3", "latent=3,4", "density >"):
        app.text_input[0].set_value(text).run()
    app.button(key="undo selection").click().run()
    assert app.query_params["select"] == app.text_input[0].value == "latent=3"
    app.button(key="undo selection").click().run()
    assert app.query_params["select"] == "flag=dead"
    assert app.button(key="undo selection").disabled
    app.button(key="redo selection").click().run()
    app.button(key="redo selection").click().run()
    assert app.query_params["select"] == "latent=3,4"
    assert app.button(key="redo selection").disabled
    app.button(key="undo selection").click().run()
    app.text_input[0].set_value("latent=9").run()
    assert app.button(key="redo selection").disabled
