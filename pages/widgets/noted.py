"""The notes database of this server, and the notes of a bundle as they are now."""

import math
import time
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from analysis.bundle import Bundle
from analysis.notes.note import Note, Place, Stamp, Vote
from analysis.notes.noted_latents import NotedLatents, noted_latents
from analysis.notes.subjects import Subject
from analysis.runtime.errors import InputError
from analysis.selection import Selection, needs_notes
from analysis.serve.server_settings import server_settings
from charts.note_colours import NOTE_COLOURS, notes_text

if TYPE_CHECKING:
    from analysis.notes.note_store import NoteStore

RETRY_SECONDS = 15.0
"""How long a database that could not be opened is not tried again: pages must not wait for it."""
MOST_KEPT = 16
"""Readings of the notes of SAEs that are kept in memory, one for each SAE, stamp and database."""
KEPT_SECONDS = 60.0
"""How long a reading is kept: forgetting an author does not change the stamp."""
_failures: dict[str, tuple[float, InputError]] = {}
_last_known: dict[str, NotedLatents] = {}


class ReadNote(NamedTuple):
    """The note and the votes on a subject at one time."""

    note: Note
    votes: tuple[Vote, ...]
    stamp: str
    """Of the database when they were read, as `stamp_text`."""


def note_store() -> "NoteStore":
    """The notes database. Raises InputError if it cannot be opened now."""
    address = server_settings().notes
    failed, error = _failures.get(address, (-math.inf, None))
    if error is not None and time.monotonic() - failed < RETRY_SECONDS:
        raise error
    try:
        return _opened(address=address)
    except InputError as problem:
        _failures[address] = (time.monotonic(), problem)
        raise


@st.cache_resource(show_spinner=False, max_entries=4)
def _opened(address: str) -> "NoteStore":
    # Imported here because SQLAlchemy and Alembic would delay the first page.
    from analysis.notes.database import open_database  # noqa: PLC0415
    from analysis.notes.note_store import NoteStore  # noqa: PLC0415

    return NoteStore(open_database(address))


def place_of(bundle: Bundle) -> Place:
    """Which notes a bundle has. Raises InputError if the database cannot be used now."""
    if not bundle.manifest.sae.decoder_hash:
        # Its notes move as soon as another bundle states the hash.
        return note_store().place(bundle.manifest)
    return _place(identity=bundle.identity, address=server_settings().notes, _bundle=bundle)


@st.cache_resource(show_spinner=False, max_entries=64)
def _place(identity: str, address: str, _bundle: Bundle) -> Place:
    return note_store().place(_bundle.manifest)


def noted_of(bundle: Bundle) -> NotedLatents:
    """The notes of a bundle as they are now. Raises InputError if they cannot be read now.

    A forgotten author may still be named for `KEPT_SECONDS`.
    """
    place, store = place_of(bundle), note_store()
    return _noted(sae=place.sae, stamp=store.stamp(), address=server_settings().notes, _store=store)


@st.cache_resource(show_spinner=False, max_entries=MOST_KEPT, ttl=KEPT_SECONDS)
def _noted(sae: str, stamp: Stamp, address: str, _store: "NoteStore") -> NotedLatents:
    return noted_latents(_store, sae)


def read_note(bundle: Bundle, subject: Subject) -> ReadNote:
    """The note and the votes on a subject as they are now. Raises InputError as `noted_of`."""
    place, store = place_of(bundle), note_store()
    return _read_note(
        place=place,
        subject=subject,
        stamp=store.stamp(),
        address=server_settings().notes,
        _store=store,
    )


def _identity(subject: Subject) -> str:
    return f"{subject.kind} {subject.key}"


@st.cache_resource(
    show_spinner=False,
    max_entries=256,
    ttl=KEPT_SECONDS,
    hash_funcs={Place: repr, Subject: _identity},
)
def _read_note(
    place: Place, subject: Subject, stamp: Stamp, address: str, _store: "NoteStore"
) -> ReadNote:
    return ReadNote(
        _store.note(place, subject), tuple(_store.votes(place, subject)), text_of(stamp)
    )


def notes_of_colour(bundle: Bundle, colour: str) -> str:
    """What a map that is coloured by notes depends on: the last known ones if they cannot be read.

    Empty for another colour.
    """
    return notes_text(colour, known_notes(bundle)[0]) if colour in NOTE_COLOURS else ""


def stamp_text() -> str:
    """The stamp of the notes database for a browser. Raises InputError as `noted_of`."""
    return text_of(note_store().stamp())


def text_of(stamp: Stamp) -> str:
    """A stamp as text."""
    return "-".join(map(str, stamp))


def noted_for(bundle: Bundle, selection: Selection) -> NotedLatents | None:
    """The notes that a selection needs; None if it needs none. Raises InputError as `noted_of`."""
    return noted_of(bundle) if needs_notes(selection) else None


def known_notes(bundle: Bundle) -> tuple[NotedLatents, str]:
    """The notes of a bundle, and why they may be old: then those that were last read."""
    try:
        noted = noted_of(bundle)
    except InputError as error:
        return _last_known.get(bundle.identity, NotedLatents()), error.public
    _last_known[bundle.identity] = noted
    return noted, ""
