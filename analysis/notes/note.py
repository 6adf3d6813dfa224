"""One version of a note, a vote, and where a reader is when writing one."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from analysis.notes.note_content import NoteContent
from analysis.notes.subjects import Subject


@dataclass(frozen=True)
class Place:
    """Where a reader is: an SAE in a bundle. Notes belong to the SAE."""

    sae: str
    """What notes belong to: the hash of W_dec, or of the reading if the bundle has no other."""
    reading: str
    """The hash of weights and reading of the SAE in this bundle."""
    bundle: str
    """The id of the bundle."""


@dataclass(frozen=True)
class Note:
    """One version of the note on a subject."""

    subject: Subject
    content: NoteContent
    version: int
    """1 is the first; 0 is the empty note of a subject without one."""
    author: str = ""
    time: datetime | None = None
    """In UTC."""
    action: str = "edit"
    """edit, undo or import."""
    bundle: str = ""
    """In which it was written."""
    reading: str = ""
    """Of the SAE in that bundle."""


@dataclass(frozen=True)
class Vote:
    """The last vote of a reader on the label of a subject."""

    author: str
    value: int
    """1: the label fits; -1: it does not; 0: the vote was withdrawn."""
    label: str
    """The label that it is about."""
    time: datetime


class Stamp(NamedTuple):
    """Changes whenever anybody writes and when notes move to another SAE.

    It does not change when an author is forgotten, so what is kept by it must expire.
    """

    readings: int
    revisions: int
    votes: int
    placements: int


class EditConflictError(Exception):
    """Somebody else has changed the note since it was read; nothing was stored."""

    def __init__(self, stored: Note, given: NoteContent) -> None:
        super().__init__(
            f"{stored.author} has changed this note since you opened it; nothing was stored."
        )
        self.stored = stored
        self.given = given
