"""Write, undo and vote on a page; a second editor; text that stays text."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from analysis.bundle import Bundle
from analysis.notes.note import Note, Place, Stamp
from analysis.notes.note_content import note_content
from analysis.notes.note_store import NoteStore
from analysis.notes.subjects import latent_subject
from analysis.serve.access.rights import LOCAL, Grant, User
from pages.widgets import current_user, note_panel, noted
from pages.widgets.note_panel import escaped
from tests.pages.conftest import click, texts

LATENT = latent_subject(3)
HOSTILE = "<script>x</script> **b** $x$ :red[a] \u202eabc\n=1"


def _app(path: str) -> None:
    import streamlit as st  # noqa: PLC0415

    from analysis.bundle import open_bundle  # noqa: PLC0415
    from analysis.notes.subjects import latent_subject  # noqa: PLC0415
    from pages.widgets.note_panel import note_panel  # noqa: PLC0415

    opened = st.cache_resource(open_bundle)(path)
    if not st.session_state.get("elsewhere"):
        note_panel(opened, latent_subject(3), "whale")


@pytest.fixture
def app(
    planted_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AppTest]:
    monkeypatch.setenv("CLEARWATER_NOTES", f"sqlite:///{tmp_path / 'notes.sqlite'}")
    monkeypatch.setenv("LOGNAME", "ada")
    yield AppTest.from_function(
        _app, default_timeout=60, kwargs={"path": str(planted_bundle.path)}
    ).run()
    st.cache_resource.clear()


@pytest.fixture
def place(planted_bundle: Bundle, app: AppTest) -> Place:
    return noted.place_of(planted_bundle)


def store() -> NoteStore:
    return noted.note_store()


def fill(app: AppTest, **parts: Any) -> AppTest:
    kinds = {
        "name": app.text_input,
        "tags": app.multiselect,
        "status": app.segmented_control,
        "text": app.text_area,
    }
    for name, value in parts.items():
        kinds[name][0].set_value(value)
    return app


def watched(app: AppTest) -> dict[str, Any]:
    """What the browser is told about the note on the page."""
    (element,) = app.get("bidi_component")
    data: dict[str, Any] = json.loads(element.proto.json)
    return data


def test_a_note_is_written_and_shown_as_text(app: AppTest, place: Place) -> None:
    assert not app.text_area
    click(app, "Note")
    fill(app, name="Days [a](b)", tags=["week", "Time"], status="checked", text=HOSTILE)
    click(app, "Save")
    assert not app.exception and not app.text_area and not app.error
    note = store().note(place, LATENT)
    assert note.content == note_content("Days [a](b)", ["time", "week"], HOSTILE, "checked")
    assert (note.author, note.version) == ("ada", 1)
    shown = "\n".join(str(one.proto.body) for one in app.get("html"))
    assert "&lt;script&gt;x&lt;/script&gt; **b** $x$" in shown and "<script" not in shown
    assert "‹RLO›abc\n=1" in shown
    assert "Days [a](b)" in texts(app) and "ada, 20" in texts(app) and "version 1" in texts(app)


def test_a_colleagues_note_is_shown_by_the_next_reading(app: AppTest, place: Place) -> None:
    store().write(place, LATENT, note_content("hers", ["odd"]), 0, "bob")
    assert watched(app)["drawn"] != noted.stamp_text()
    app.run()
    assert "hers" in texts(app) and "odd" in texts(app) and "bob" in texts(app)
    assert watched(app)["drawn"] == noted.stamp_text()
    assert re.fullmatch(r"map-data/[^/]*/[0-9a-f]+/notes", watched(app)["address"])
    assert 1 <= watched(app)["seconds"] < 5


def test_a_run_reads_the_note_once_and_a_run_of_its_fragment_reads_it_again(
    app: AppTest, planted_bundle: Bundle, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamps: list[Stamp] = []
    stamp = NoteStore.stamp

    def counted(of: NoteStore) -> Stamp:
        stamps.append(stamp(of))
        return stamps[-1]

    monkeypatch.setattr(NoteStore, "stamp", counted)
    app.run()
    assert len(stamps) == 1 and watched(app)["drawn"] == noted.text_of(stamps[0])
    known = [noted.read_note(planted_bundle, LATENT)]
    store().write(place, LATENT, note_content("hers"), 0, "bob")
    shown: list[Note] = []
    monkeypatch.setattr(note_panel, "show_note", lambda note, _: shown.append(note))
    for _ in range(2):
        note_panel._stored(planted_bundle, LATENT, True, known)
    assert [note.content.name for note in shown] == ["hers"]


def test_while_nothing_can_be_read_the_browser_waits_for_any_answer(
    planted_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watches: list[tuple[Any, ...]] = []
    monkeypatch.setattr(note_panel, "run_again_on_change", lambda *given: watches.append(given))
    (tmp_path / "file").touch()
    monkeypatch.setenv("CLEARWATER_NOTES", f"sqlite:///{tmp_path / 'file' / 'notes.sqlite'}")
    note_panel._stored(planted_bundle, LATENT, True, [])
    ((address, drawn, seconds, _),) = watches
    assert address.endswith("/notes") and drawn == "" and seconds >= 15


def test_a_second_editor_sees_both_versions_and_loses_nothing(app: AppTest, place: Place) -> None:
    click(app, "Note")
    store().write(place, LATENT, note_content(text="theirs"), 0, "bob")
    fill(app, text="mine")
    click(app, "Save")
    assert "bob has changed this note since you opened it" in app.warning[0].value
    assert app.text_area[0].value == "mine"
    assert any("theirs" in str(one.proto.body) for one in app.get("html"))
    assert [note.content.text for note in store().history(place, LATENT)] == ["theirs"]
    fill(app, text="both")
    click(app, "Save mine as the next version")
    assert not app.warning and not app.text_area
    assert [n.content.text for n in store().history(place, LATENT)] == ["theirs", "both"]


def test_a_second_editor_may_keep_the_other_version(app: AppTest, place: Place) -> None:
    click(app, "Note")
    store().write(place, LATENT, note_content(text="theirs"), 0, "bob")
    click(fill(app, text="mine"), "Save")
    click(app, "Keep theirs")
    assert not app.text_area
    assert [note.content.text for note in store().history(place, LATENT)] == ["theirs"]


def test_what_cannot_be_stored_stays_in_the_form(
    app: AppTest, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    click(app, "Note")
    fill(app, text="typed", tags=["two words"])
    click(app, "Save")
    assert "'two words' is not a tag" in app.error[0].value.replace("\\", "")
    assert app.text_area[0].value == "typed"
    fill(app, tags=["one"])
    click(app, "Save")
    assert store().note(place, LATENT).content.tags == ("one",)


def test_a_form_that_a_page_does_not_draw_keeps_what_was_given(app: AppTest, place: Place) -> None:
    store().write(place, LATENT, note_content("name", text="text"), 0, "bob")
    click(app.run(), "Note")
    app.session_state["elsewhere"] = True
    app.run()
    app.session_state["elsewhere"] = False
    app.run()
    assert app.text_area[0].value == "text" and app.text_input[0].value == "name"
    click(app, "Save")
    assert store().note(place, LATENT).content == note_content("name", text="text")


def test_versions_can_be_restored_and_a_note_removed(app: AppTest, place: Place) -> None:
    store().write(place, LATENT, note_content("one"), 0, "bob")
    assert "Remove this note" not in [button.label for button in app.run().button]
    app.session_state["history of the note on latent 3"] = True
    click(app.run(), "Remove this note")
    assert store().notes(place.sae) == []
    assert "empty" in texts(app)
    click(app, "Restore version 1")
    assert store().note(place, LATENT).content.name == "one"
    history = store().history(place, LATENT)
    assert [note.author for note in history] == ["bob", "ada", "ada"]


def test_a_vote_is_counted_and_withdrawn(app: AppTest, place: Place) -> None:
    store().vote(place, LATENT, 1, "whale", "bob")
    click(app.run(), "Fits")
    assert "2: the label fits (ada, bob)" in texts(app)
    assert [toast.value[:34] for toast in app.toast] == ["Your vote is saved: the label fits"]
    click(app, "Does not fit")
    assert "1: the label fits (bob) · 1: the label does not fit (ada)" in texts(app)
    assert "the label does not fit" in app.toast[0].value
    click(app, "Does not fit")
    assert [toast.value for toast in app.toast] == ["Your vote is withdrawn."]
    (vote,) = store().votes(place, LATENT)
    assert (vote.author, vote.label) == ("bob", "whale")


def test_the_own_vote_stands_out_and_five_readers_are_named(app: AppTest, place: Place) -> None:
    for reader in "bcdefg":
        store().vote(place, LATENT, 1, "whale", reader)
    app.run()
    assert "6: the label fits (b, c, d, e, f)" in texts(app)

    def kinds() -> list[str]:
        return [app.button(key=f"vote {value} on latent 3").proto.type for value in (1, -1)]

    assert kinds() == ["secondary", "secondary"]
    click(app, "Does not fit")
    assert kinds() == ["secondary", "primary"]


def test_the_last_versions_are_listed_from_the_last_one_on(
    app: AppTest, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.session_state["history of the note on latent 3"] = True
    assert "Restore" not in " ".join(button.label for button in app.run().button)
    assert not app.get("popover")  # nothing was written
    for version, name in enumerate(("one", "two", "three")):
        store().write(place, LATENT, note_content(name), version, "bob")
    monkeypatch.setattr(note_panel, "MOST_VERSIONS", 2)
    app.session_state["history of the note on latent 3"] = True
    lines = texts(app.run()).splitlines()
    listed = [line for line in lines if " · bob · 20" in line]
    assert [line[:5] for line in listed] == ["**3**", "**2**"]
    restored = [button.label for button in app.button if button.label.startswith("Restore")]
    assert restored == ["Restore version 2"]


def test_a_reader_who_may_not_annotate_only_reads(
    app: AppTest, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = [LOCAL]
    monkeypatch.setattr(current_user, "current_user", lambda: who[0])
    reader = User("ada", "reader", (Grant("*", frozenset({"see"})),))
    store().write(place, LATENT, note_content("one"), 0, "bob")
    click(app.run(), "Note")
    assert app.text_area and not app.info  # the note is as it was when the form was opened
    app.session_state["history of the note on latent 3"] = True
    for version, name in ((1, "two"), (2, "three")):
        who[0] = reader
        app.run()
        assert not app.exception and not app.button and not app.text_area
        assert f"**{version}** · bob" in texts(app)
        store().write(place, LATENT, note_content(name), version, "bob")
        who[0] = LOCAL
        app.run()
        assert "bob has changed this note while you are writing" in app.info[0].value
        assert "Restore version 1" in [button.label for button in app.button]


def test_a_note_of_another_reading_says_so(app: AppTest, place: Place) -> None:
    other = Place(place.sae, "f" * 64, "elsewhere")
    store().write(other, LATENT, note_content("n"), 0, "bob")
    assert "another reading of this SAE" in texts(app.run())
    store().write(place, LATENT, note_content("m"), 1, "bob")
    assert "another reading of this SAE" not in texts(app.run())


def test_without_a_database_the_page_says_so(
    app: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CLEARWATER_NOTES", f"sqlite:///{tmp_path / 'file' / 'notes.sqlite'}")
    app.run()
    assert not app.exception
    assert "Notes cannot be read or written now" in texts(app)
    assert str(tmp_path) not in texts(app)


def test_text_for_html_is_what_was_typed() -> None:
    assert escaped('a <b> & "c"\nd\u202ee\0') == "a &lt;b&gt; &amp; &quot;c&quot;\nd‹RLO›e"
