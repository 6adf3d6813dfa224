"""The note on what a page shows: read, vote, edit (key N), undo; a conflict shows both versions.

The browser asks every few seconds whether anything was written, so that a colleague's note appears
without a reload. Only what is stored is drawn again then; what was typed stays in the form.
"""

import html
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import streamlit as st

from analysis.bundle import Bundle
from analysis.notes.note import EditConflictError, Note, Place, Vote
from analysis.notes.note_content import STATUSES, NoteContent, note_content
from analysis.notes.subjects import Subject
from analysis.runtime.errors import InputError
from charts.core.text import visible
from pages.widgets import session
from pages.widgets.author import author, writer
from pages.widgets.bundles import data_address
from pages.widgets.current_user import i_may
from pages.widgets.export_menu import notes_now
from pages.widgets.failures import guarded
from pages.widgets.focused_field import focus_field
from pages.widgets.markdown import plain
from pages.widgets.noted import (
    RETRY_SECONDS,
    ReadNote,
    known_notes,
    note_store,
    place_of,
    read_note,
)
from pages.widgets.run_again import run_again_on_change

POLL_SECONDS = 4.0
MOST_VERSIONS = 20
"""Versions that the history lists."""
_LONGEST = 1000
_DRAFT = "draft of the note on"
STATUS_COLOURS = {"open": "blue", "checked": "green", "unclear": "orange"}


@dataclass
class Draft:
    """A form that is open in this session."""

    expected: int
    """The version that its writer has read: the one it began with, or that of a conflict."""
    number: int
    """Tells the fields of one form from those of the next."""
    values: dict[str, Any] = field(default_factory=dict)
    """What the fields held last; Streamlit forgets fields that a page does not draw."""
    conflict: Note | None = None
    """What somebody else has stored meanwhile."""
    problem: str = ""
    """Why it could not be stored."""


def note_panel(
    bundle: Bundle,
    subject: Subject,
    label: str | None = None,
    beside: Callable[[], None] | None = None,
    shortcut: str | None = "n",
) -> None:
    """The note on a subject; with a label, also the votes on it.

    Who may not write notes reads them, without the buttons. `beside` draws more buttons into the
    row; `shortcut` is a key, of one note on a page, whose votes then have keys too.
    """
    try:
        read = read_note(bundle, subject)
    except InputError as error:
        st.caption(f"Notes cannot be read or written now. {plain(error.public, _LONGEST)}")
        return
    note, votes, _ = read
    notes_now().append(note)
    writes = i_may(bundle, "annotate")
    row = f"note on {_name(subject)}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=row):
        if label and writes:
            _vote_buttons(bundle, subject, label, votes, bool(shortcut))
        if writes:
            _note_button(bundle, subject, shortcut)
        if note.version:
            _history_menu(bundle, subject)
        if beside is not None:
            beside()
    st.fragment(_stored)(bundle, subject, bool(label), [read])
    draft: Draft | None = st.session_state.get(_key(subject))
    if draft is not None and writes:
        _form(bundle, subject, draft)


def _note_button(bundle: Bundle, subject: Subject, shortcut: str | None) -> None:
    st.button(
        "Note",
        key=f"write the note on {_name(subject)}",
        help="Write a note: a name, tags, a status and text." + (" Key N." if shortcut else ""),
        icon=":material/edit_note:",
        shortcut=shortcut,
        on_click=_open,
        args=(bundle, subject),
    )


def _vote_buttons(
    bundle: Bundle, subject: Subject, label: str, votes: Iterable[Vote], has_keys: bool
) -> None:
    own = next((vote.value for vote in votes if vote.author == author()), 0)
    buttons = ((1, "Fits", "thumb_up", "y"), (-1, "Does not fit", "thumb_down", "x"))
    for value, words, icon, key in buttons:
        st.button(
            words,
            key=f"vote {value} on {_name(subject)}",
            help=f"Vote on the label {plain(label, 80)}. A second click withdraws the vote."
            + (f" Key {key.upper()}." if has_keys else ""),
            shortcut=key if has_keys else None,
            icon=f":material/{icon}:",
            type="primary" if own == value else "secondary",
            on_click=_vote,
            args=(bundle, subject, 0 if own == value else value, label),
        )


@guarded("reading the note")
def _stored(bundle: Bundle, subject: Subject, with_votes: bool, known: list[ReadNote]) -> None:
    """The note and the votes as they are stored now, and again when anybody has written.

    `known` holds what the run of the page has just read; later runs of the fragment find it empty.
    """
    try:
        place = place_of(bundle)
        note, votes, stamp = known.pop() if known else read_note(bundle, subject)
    except InputError as error:
        st.caption(f"Notes cannot be read now. {plain(error.public, _LONGEST)}")
        _follow(bundle, subject, "", RETRY_SECONDS)
        return
    _follow(bundle, subject, stamp, POLL_SECONDS)
    if with_votes and votes:
        st.caption(_vote_words(votes))
    if not note.content.is_empty:
        show_note(note, place)
    draft: Draft | None = st.session_state.get(_key(subject))
    if draft is not None and note.version > draft.expected:
        st.info(f"{plain(note.author, 80)} has changed this note while you are writing.")


def _follow(bundle: Bundle, subject: Subject, stamp: str, seconds: float) -> None:
    """Read again when the stamp of the database is another one; an empty one is never equal."""
    address = f"{data_address(session.current().bundle, bundle)}/notes"
    run_again_on_change(address, stamp, seconds, f"note on {_name(subject)}")


def show_note(note: Note, place: Place) -> None:
    """A note that is not empty: its name, status and tags, its text, and who wrote it when."""
    content = note.content
    marks = [f":{STATUS_COLOURS[content.status]}-badge[{content.status}]"]
    marks += [f":gray-badge[{plain(tag)}]" for tag in content.tags]
    name = f"**{plain(content.name)}** " if content.name else ""
    st.markdown(f"{name}{' '.join(marks)}")
    if content.text:
        st.html(f'<div class="clearwater-note" dir="auto">{escaped(content.text)}</div>')
    when = "" if note.time is None else f", {note.time:%Y-%m-%d %H:%M} UTC"
    other = (
        " It was written for another reading of this SAE (see the options that the bundle was "
        "built with)."
        if note.reading != place.reading
        else ""
    )
    st.caption(f"{plain(note.author, 80)}{when}, version {note.version}.{other}")


def escaped(text: str) -> str:
    """Text for HTML, as it was typed: no markup, no direction override, lines as lines."""
    return "\n".join(html.escape(visible(line)) for line in text.split("\n"))


_VOTED = {
    1: "Your vote is saved: the label fits. Click “Fits” again to withdraw it.",
    -1: "Your vote is saved: the label does not fit. Click “Does not fit” again to withdraw it.",
    0: "Your vote is withdrawn.",
}


def _vote_words(votes: Sequence[Vote]) -> str:
    parts = []
    for value, words in ((1, "fits"), (-1, "does not fit")):
        names = [plain(vote.author, 40) for vote in votes if vote.value == value]
        if names:
            parts.append(f"{len(names)}: the label {words} ({', '.join(names[:5])})")
    return " · ".join(parts)


def _form(bundle: Bundle, subject: Subject, draft: Draft) -> None:
    known, _ = known_notes(bundle)
    fields = _fields(subject, draft)
    for name, key in fields.items():
        st.session_state.setdefault(key, draft.values[name])
    tags = [*st.session_state.get(fields["tags"], ())]
    with st.form(f"form of the note on {_name(subject)}"):
        st.text_input("Name", key=fields["name"], placeholder="What it is, in a few words")
        st.multiselect(
            "Tags",
            sorted({*known.tags(), *tags}),
            key=fields["tags"],
            accept_new_options=True,
            placeholder="Choose or write tags",
        )
        st.segmented_control("Status", STATUSES, key=fields["status"], required=True)
        st.text_area("Text", key=fields["text"], height=100)
        focus_field(fields["name"], f"form {draft.number} of the note")
        with st.container(horizontal=True):
            st.form_submit_button(
                "Save" if draft.conflict is None else "Save mine as the next version",
                key=f"save the note on {_name(subject)}",
                type="primary",
                on_click=_save,
                args=(bundle, subject),
            )
            st.form_submit_button(
                "Cancel" if draft.conflict is None else "Keep theirs",
                key=f"cancel the note on {_name(subject)}",
                on_click=_close,
                args=(subject,),
            )
    if draft.problem:
        st.error(f"Nothing was stored. {plain(draft.problem, _LONGEST)}")
    if draft.conflict is not None:
        _conflict(bundle, subject, draft.conflict)


def _conflict(bundle: Bundle, subject: Subject, theirs: Note) -> None:
    """The stored version, next to the form that still has the reader's own."""
    st.warning(
        f"{plain(theirs.author, 80)} has changed this note since you opened it, so yours was not "
        "stored. Yours is still in the form above; theirs is below. Bring them together in the "
        "form, and store the result."
    )
    with st.container(border=True):
        if theirs.content.is_empty:
            st.markdown("The stored note is empty.")
        else:
            show_note(theirs, place_of(bundle))


def _history_menu(bundle: Bundle, subject: Subject) -> None:
    """A menu of the versions; they are read when it is opened."""
    menu = st.popover(
        "History",
        key=f"history of the note on {_name(subject)}",
        icon=":material/history:",
        type="tertiary",
        width="content",
        on_change="rerun",
    )
    if menu.open:
        with menu, guarded("reading the history of the note"):
            _history(bundle, subject, note_store().history(place_of(bundle), subject))


def _history(bundle: Bundle, subject: Subject, history: list[Note]) -> None:
    writes = i_may(bundle, "annotate")
    for note in reversed(history[-MOST_VERSIONS:]):
        words = plain(_summary(note.content), 120)
        when = "" if note.time is None else f"{note.time:%Y-%m-%d %H:%M}"
        st.markdown(f"**{note.version}** · {plain(note.author, 40)} · {when}  \n{words}")
        if writes and note.version != history[-1].version:
            st.button(
                f"Restore version {note.version}",
                key=f"restore {note.version} of the note on {_name(subject)}",
                type="tertiary",
                on_click=_restore,
                args=(bundle, subject, note.version, history[-1].version),
            )
    if writes and len(history) == 1:
        st.button(
            "Remove this note",
            key=f"restore 0 of the note on {_name(subject)}",
            type="tertiary",
            on_click=_restore,
            args=(bundle, subject, 0, 1),
        )


def _summary(content: NoteContent) -> str:
    if content.is_empty:
        return "empty"
    parts = [content.name, content.status, *(f"#{tag}" for tag in content.tags), content.text]
    return " · ".join(part for part in parts if part)


@guarded()
def _open(bundle: Bundle, subject: Subject) -> None:
    """Begin to edit the note as it is stored now; an open form stays as it is."""
    if _key(subject) not in st.session_state:
        note = note_store().note(place_of(bundle), subject)
        number = int(st.session_state.get(_DRAFT, 0)) + 1
        st.session_state[_DRAFT] = number
        values = asdict(note.content) | {"tags": list(note.content.tags)}
        st.session_state[_key(subject)] = Draft(note.version, number, values)


@guarded()
def _save(bundle: Bundle, subject: Subject) -> None:
    """Store the form. If that fails, the form stays open with everything that was typed."""
    draft: Draft | None = st.session_state.get(_key(subject))
    if draft is None:
        return
    draft.problem = ""
    try:
        fields = _fields(subject, draft)
        draft.values = {name: st.session_state.get(key) for name, key in fields.items()}
        content = note_content(**draft.values)
        note_store().write(
            place_of(bundle), subject, content, draft.expected, writer(bundle, _name(subject))
        )
    except EditConflictError as conflict:
        # The reader now sees both versions, so the next attempt is one against this version.
        draft.conflict, draft.expected = conflict.stored, conflict.stored.version
    except InputError as error:
        draft.problem = error.public
    else:
        _close(subject)


@guarded()
def _close(subject: Subject) -> None:
    st.session_state.pop(_key(subject), None)


@guarded()
def _restore(bundle: Bundle, subject: Subject, version: int, expected: int) -> None:
    try:
        note_store().restore(
            place_of(bundle), subject, version, expected, writer(bundle, _name(subject))
        )
    except EditConflictError as conflict:
        st.toast(plain(str(conflict)))


@guarded()
def _vote(bundle: Bundle, subject: Subject, value: int, label: str) -> None:
    note_store().vote(
        place_of(bundle), subject, value, label, writer(bundle, f"vote on {_name(subject)}")
    )
    # A key that was meant for a field would otherwise leave a vote that nobody sees.
    st.toast(_VOTED[value])


def _fields(subject: Subject, draft: Draft) -> dict[str, str]:
    """The keys of the fields of a form, by the name of the part of the note."""
    names = ("name", "tags", "text", "status")
    return {name: f"note {name} {draft.number} {_name(subject)}" for name in names}


def _key(subject: Subject) -> str:
    return f"{_DRAFT} {_name(subject)}"


def _name(subject: Subject) -> str:
    return f"{subject.kind} {subject.key}"
