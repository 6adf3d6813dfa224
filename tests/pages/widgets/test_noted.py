"""The notes of a bundle as a page reads them: current, and the last known ones in a failure."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st

from analysis.bundle import Bundle
from analysis.notes.note import Note, Place
from analysis.notes.note_content import note_content
from analysis.notes.note_store import NoteStore
from analysis.notes.noted_latents import NotedLatents
from analysis.notes.subjects import Subject, latent_subject
from analysis.runtime.errors import InputError
from analysis.selection import parse
from pages.widgets import noted

LATENT = latent_subject(3)


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    file = tmp_path / "notes.sqlite"
    monkeypatch.setenv("CLEARWATER_NOTES", f"sqlite:///{file}")
    yield file
    st.cache_resource.clear()


def write(bundle: Bundle, text: str, version: int) -> None:
    content = note_content(text=text, tags=["t"])
    noted.note_store().write(noted.place_of(bundle), LATENT, content, version, "ada")


def test_what_was_written_is_read_at_once(planted_bundle: Bundle) -> None:
    assert noted.noted_of(planted_bundle) == NotedLatents()
    write(planted_bundle, "first", 0)
    assert [n.content.text for n in noted.noted_of(planted_bundle).notes] == ["first"]
    assert noted.noted_of(planted_bundle) is noted.noted_of(planted_bundle)
    write(planted_bundle, "second", 1)
    assert [n.content.text for n in noted.noted_of(planted_bundle).notes] == ["second"]


def reading_of(bundle: Bundle, name: str, reading: str, decoder: str) -> Bundle:
    hashes = {"content_hash": reading * 64, "decoder_hash": decoder * 64}
    sae = bundle.manifest.sae.model_copy(update=hashes)
    manifest = bundle.manifest.model_copy(update={"bundle_id": name, "sae": sae})
    return replace(bundle, identity=name, manifest=manifest)


def test_an_open_bundle_without_the_hash_keeps_its_notes_when_they_move(
    planted_bundle: Bundle,
) -> None:
    old = reading_of(planted_bundle, "old", "1", "")
    write(old, "early", 0)
    assert [n.content.text for n in noted.noted_of(old).notes] == ["early"]
    new = reading_of(planted_bundle, "new", "1", "d")
    assert [n.content.text for n in noted.noted_of(new).notes] == ["early"]
    assert [n.content.text for n in noted.noted_of(old).notes] == ["early"]
    write(old, "late", 1)
    assert [n.content.text for n in noted.noted_of(new).notes] == ["late"]


def test_notes_that_move_to_a_known_sae_are_read(planted_bundle: Bundle) -> None:
    old = reading_of(planted_bundle, "old", "1", "")
    write(old, "early", 0)
    other = reading_of(planted_bundle, "other", "2", "d")
    assert noted.noted_of(other) == NotedLatents()
    noted.place_of(reading_of(planted_bundle, "new", "1", "d"))
    assert [n.content.text for n in noted.noted_of(other).notes] == ["early"]


def test_a_forgotten_author_is_not_named_for_long(
    planted_bundle: Bundle, clock: Callable[[float], None]
) -> None:
    write(planted_bundle, "first", 0)
    assert [n.author for n in noted.noted_of(planted_bundle).notes] == ["ada"]
    noted.note_store().forget("ada")
    clock(noted.KEPT_SECONDS + 1)
    assert [n.author for n in noted.noted_of(planted_bundle).notes] == ["former member"]


def test_a_note_is_read_from_the_database_only_after_somebody_wrote(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(planted_bundle, "first", 0)
    reads: list[Subject] = []
    note = NoteStore.note

    def counted(store: NoteStore, place: Place, subject: Subject) -> Note:
        reads.append(subject)
        return note(store, place, subject)

    monkeypatch.setattr(NoteStore, "note", counted)
    before = noted.read_note(planted_bundle, LATENT)
    assert before == noted.read_note(planted_bundle, LATENT)
    assert reads == [LATENT] and before.stamp == noted.stamp_text()
    assert noted.read_note(planted_bundle, latent_subject(4)).note.version == 0
    write(planted_bundle, "second", 1)
    after = noted.read_note(planted_bundle, LATENT)
    assert (before.note.content.text, after.note.content.text) == ("first", "second")
    assert len(reads) == 3 and after.stamp == noted.stamp_text() != before.stamp


def test_only_selections_that_ask_notes_read_them(planted_bundle: Bundle, database: Path) -> None:
    assert noted.noted_for(planted_bundle, parse("whale & flag=live")) is None
    assert not database.exists()
    write(planted_bundle, "first", 0)
    kept = noted.noted_for(planted_bundle, parse("whale & !tag=t"))
    assert kept is not None and kept.tags() == ["t"]


def test_while_the_database_is_gone_the_last_known_notes_are_shown(
    planted_bundle: Bundle, database: Path
) -> None:
    write(planted_bundle, "first", 0)
    assert noted.known_notes(planted_bundle)[1] == ""
    with sqlite3.connect(database) as connection:
        connection.execute("ALTER TABLE votes RENAME TO gone")
    connection.close()
    known, problem = noted.known_notes(planted_bundle)
    assert [n.content.text for n in known.notes] == ["first"]
    assert problem.startswith("notes.sqlite: the notes database cannot be used now")
    assert str(database.parent) not in problem
    with sqlite3.connect(database) as connection:
        connection.execute("ALTER TABLE gone RENAME TO votes")
    connection.close()
    assert noted.known_notes(planted_bundle)[1] == ""


def test_a_database_that_cannot_be_opened_is_tried_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "folder"
    file.touch()
    monkeypatch.setenv("CLEARWATER_NOTES", f"sqlite:///{file / 'notes.sqlite'}")
    with pytest.raises(InputError, match="folder of the notes cannot be made"):
        noted.note_store()
    file.unlink()
    with pytest.raises(InputError, match="folder of the notes cannot be made"):
        noted.note_store()
    monkeypatch.setattr(noted, "RETRY_SECONDS", 0.0)
    assert noted.note_store().notes("a") == []


def test_the_notes_of_another_database_are_others(
    planted_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in ("first", "second"):  # with the same stamp
        monkeypatch.setenv("CLEARWATER_NOTES", f"sqlite:///{tmp_path / text}.sqlite")
        write(planted_bundle, text, 0)
        assert noted.read_note(planted_bundle, LATENT).note.content.text == text
        assert [n.content.text for n in noted.noted_of(planted_bundle).notes] == [text]
