"""Collections are made of a selection, selected by name, and have a note."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from analysis.bundle import Bundle
from analysis.notes.note_content import note_content
from analysis.notes.subjects import latent_subject, new_collection
from analysis.serve.access.rights import Grant, User
from pages.widgets import current_user, noted
from tests.pages.conftest import Open, click, texts


def _app(path: str) -> None:
    import streamlit as st  # noqa: PLC0415

    from analysis.bundle import open_bundle  # noqa: PLC0415
    from analysis.selection import evaluate  # noqa: PLC0415
    from pages.widgets import collections_of_latents, session  # noqa: PLC0415
    from pages.widgets.noted import known_notes  # noqa: PLC0415

    bundle = st.cache_resource(open_bundle)(path)
    view = session.current()
    mask = evaluate(view.selection, bundle, known_notes(bundle)[0])
    collections_of_latents._collections(bundle, mask)
    collections_of_latents.note_of_selected_collection(bundle, session.current().selection)


@pytest.fixture
def app(
    planted_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AppTest]:
    monkeypatch.setenv("CLEARWATER_NOTES", f"sqlite:///{tmp_path / 'notes.sqlite'}")
    app = AppTest.from_function(_app, default_timeout=60, kwargs={"path": str(planted_bundle.path)})
    app.query_params["select"] = "latent=3..5,9"
    yield app.run()
    st.cache_resource.clear()


def test_a_selection_becomes_a_collection(app: AppTest, planted_bundle: Bundle) -> None:
    app.text_input[0].set_value("My [list]")
    click(app, "Collect the 4 selected latents")
    assert not app.error and not app.exception
    assert app.query_params["select"] == 'collection="My [list]"'
    (collection,) = noted.noted_of(planted_bundle).collections
    assert collection.subject.members == (3, 4, 5, 9)
    # Its note can be edited where it is selected.
    click(app, "Note")
    app.text_area[0].set_value("why")
    click(app, "Save")
    (collection,) = noted.noted_of(planted_bundle).collections
    assert (collection.content.name, collection.content.text) == ("My [list]", "why")


def test_who_may_not_annotate_makes_no_collection_and_has_no_buttons_of_notes(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.text_input[0].set_value("suspects")
    click(app, "Collect the 4 selected latents")
    labels = [button.label for button in app.button]
    assert "Note" in labels
    reader = User("ada", "reader", (Grant("*", frozenset({"see"})),))
    monkeypatch.setattr(current_user, "current_user", lambda: reader)
    app.run()
    assert not app.exception and not app.text_input
    labels = [button.label for button in app.button]
    assert not {"Note", "Fits", "Collect the 4 selected latents"} & {*labels}


def test_a_collection_is_selected_by_a_click(app: AppTest) -> None:
    app.text_input[0].set_value("suspects")
    click(app, "Collect the 4 selected latents")
    app.query_params["select"] = "latent=7"
    app.run()
    assert "Note" not in [button.label for button in app.button]
    click(app, "suspects · 4 latents")
    assert app.query_params["select"] == "collection=suspects"


def test_what_makes_no_collection_is_said(app: AppTest) -> None:
    click(app, "Collect the 4 selected latents")
    assert "A collection needs a name" in app.error[0].value
    app.text_input[0].set_value("one")
    click(app, "Collect the 4 selected latents")
    assert not app.error
    app.text_input[0].set_value("one")
    click(app, "Collect the 4 selected latents")
    assert "already a collection 'one'" in app.error[0].value.replace("\\", "")
    app.query_params["select"] = "latent=7000"
    app.run()
    app.text_input[0].set_value("none")
    click(app, "Collect the 0 selected latents")
    assert "needs at least one latent" in app.error[0].value
    assert "already" not in texts(app)


def test_a_page_has_the_note_of_the_collection_and_its_own(
    open_page: Open, app: AppTest, planted_bundle: Bundle
) -> None:
    store, place = noted.note_store(), noted.place_of(planted_bundle)
    collection, latent = new_collection([3, 4]), latent_subject(3)
    for subject in (collection, latent):
        store.write(place, subject, note_content("suspects"), 0, "bob")
        store.write(place, subject, note_content("suspects", text="why"), 1, "bob")
    app = open_page("latent", select="collection=suspects", latent=3)
    assert not app.exception
    while closed := [b for b in app.button if b.label == "Note"][len(app.text_area) :]:
        closed[0].click().run()
    assert [area.value for area in app.text_area] == ["why", "why"]
    assert [button.label for button in app.button].count("Save") == 2
    app.text_area[0].set_value("of the collection")
    click(app, "Save")
    assert store.note(place, collection).content.text == "of the collection"
    assert store.note(place, latent).content.text == "why"


def test_two_collections_have_no_note_in_common(app: AppTest, planted_bundle: Bundle) -> None:
    store, place = noted.note_store(), noted.place_of(planted_bundle)
    for name in ("one", "two"):
        store.write(place, new_collection([3]), note_content(name), 0, "bob")
    for select, notes in (("collection=one", 1), ("collection=one,two", 0), ("latent=3", 0)):
        app.query_params["select"] = select
        app.run()
        assert [button.label for button in app.button].count("Note") == notes


@pytest.mark.parametrize("name", ["Days", "days"])
def test_one_of_two_names_that_are_alike_has_its_note_shown(
    app: AppTest, planted_bundle: Bundle, name: str
) -> None:
    store, place = noted.note_store(), noted.place_of(planted_bundle)
    for latent, written in enumerate(("Days", "days")):
        content = note_content(written, text=f"text of {written}")
        store.write(place, new_collection([latent]), content, 0, "bob")
    app.query_params["select"] = f"collection={name}"
    app.run()
    assert not app.exception
    (shown,) = [str(one.proto.body) for one in app.get("html")]
    assert f"text of {name}" in shown
