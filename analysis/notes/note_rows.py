"""Rows of the notes database inside one transaction: find, make and read them."""

from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Row, Select, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from analysis.bundle import Space
from analysis.notes.note import EditConflictError, Note, Place, Vote
from analysis.notes.note_content import NoteContent, Status, cleaned
from analysis.notes.note_tables import LONGEST_AUTHOR, readings, revisions, subjects, votes
from analysis.notes.subjects import ClusterOrigin, Kind, Subject
from analysis.runtime.errors import InputError

SUBJECT_COLUMNS = (
    subjects.c.kind,
    subjects.c.key,
    subjects.c.members,
    subjects.c.origin_bundle,
    subjects.c.origin_cluster,
    subjects.c.origin_space,
)
"""What `subject_of_row` reads."""


def add_revision(
    connection: Connection,
    place: Place,
    subject: Subject,
    content: NoteContent,
    expected: int,
    author: str,
    action: str,
) -> Note:
    """Make content the current version. Raises EditConflictError if `expected` is not that."""
    own = made_subject(connection, place.sae, subject)
    named = content.name if subject.kind == "collection" and not content.is_empty else None
    updated = connection.execute(
        update(subjects)
        .where(subjects.c.id == own, subjects.c.version == expected)
        .values(version=expected + 1, collection=named)
    )
    if updated.rowcount != 1:
        raise EditConflictError(current_note(connection, place, subject), content)
    note = Note(
        subject,
        content,
        expected + 1,
        checked_author(author),
        now(),
        action,
        place.bundle,
        place.reading,
    )
    connection.execute(
        insert(revisions).values(
            subject=own,
            version=note.version,
            action=note.action,
            author=note.author,
            time=note.time,
            bundle=note.bundle,
            reading=note.reading,
            name=content.name,
            tags=list(content.tags),
            text=content.text,
            status=content.status,
        )
    )
    return note


def made_subject(connection: Connection, sae: str, subject: Subject) -> int:
    """The row of a subject, which is made if it is new."""
    known = subject_id(connection, sae, subject)
    if known is not None:
        return known
    origin = subject.origin
    insert_new(
        connection,
        subjects,
        sae=sae,
        kind=subject.kind,
        key=subject.key,
        members=list(subject.members),
        origin_bundle=origin and origin.bundle,
        origin_cluster=origin and origin.cluster,
        origin_space=origin and origin.space,
        version=0,
    )
    made = subject_id(connection, sae, subject)
    assert made is not None
    return made


def subject_id(connection: Connection, sae: str, subject: Subject) -> int | None:
    """The row of a subject; None if it was never written about."""
    row: int | None = connection.execute(
        select(subjects.c.id).where(
            subjects.c.sae == sae, subjects.c.kind == subject.kind, subjects.c.key == subject.key
        )
    ).scalar()
    return row


def insert_new(connection: Connection, table: Any, **values: Any) -> None:
    """Insert a row, unless another process has inserted it in the meantime."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(table).values(**values).on_conflict_do_nothing())


def known_sae(connection: Connection, own: str) -> str | None:
    """The decoder matrix of a reading; None if no bundle has stated it."""
    sae: str | None = connection.execute(
        select(readings.c.sae).where(readings.c.reading == own)
    ).scalar()
    return sae


def adopt(connection: Connection, old: str, new: str) -> None:
    """Make the notes of one SAE those of another; where both have one, each keeps its own."""
    other = subjects.alias()
    both = select(other.c.id).where(
        other.c.sae == new,
        ((other.c.kind == subjects.c.kind) & (other.c.key == subjects.c.key))
        | (other.c.collection == subjects.c.collection),
    )
    connection.execute(
        update(subjects).where(subjects.c.sae == old, ~both.exists()).values(sae=new)
    )


def current_note(connection: Connection, place: Place, subject: Subject) -> Note:
    """The last revision of a subject, or the empty note with version 0."""
    row = connection.execute(
        select(revisions)
        .join(
            subjects,
            (subjects.c.id == revisions.c.subject) & (subjects.c.version == revisions.c.version),
        )
        .where(
            subjects.c.sae == place.sae,
            subjects.c.kind == subject.kind,
            subjects.c.key == subject.key,
        )
    ).one_or_none()
    return Note(subject, NoteContent(), 0) if row is None else note_of_row(row, subject)


def note_of_row(row: Row[Any], subject: Subject) -> Note:
    """A row of `revisions` as a note."""
    content = NoteContent(row.name, tuple(row.tags), row.text, cast("Status", row.status))
    return Note(
        subject,
        content,
        row.version,
        row.author,
        row.time,
        row.action,
        row.bundle,
        row.reading,
    )


def subject_of_row(row: Row[Any]) -> Subject:
    """The columns SUBJECT_COLUMNS as a subject."""
    origin = None
    if row.origin_bundle is not None:
        origin = ClusterOrigin(
            row.origin_bundle, row.origin_cluster, cast("Space", row.origin_space)
        )
    return Subject(cast("Kind", row.kind), row.key, tuple(row.members), origin)


def last_votes(which: ColumnElement[bool]) -> Select[Any]:
    """A query for the last vote of every reader on every subject, of the votes `which`."""
    last = select(func.max(votes.c.id)).where(which).group_by(votes.c.subject, votes.c.author)
    columns = (votes.c.author, votes.c.value, votes.c.label, votes.c.time)
    return select(*columns).where(votes.c.id.in_(last)).order_by(votes.c.author)


def vote_of_row(row: Row[Any]) -> Vote:
    """A row of `last_votes` as a vote."""
    return Vote(row.author, row.value, row.label, row.time)


def checked_author(author: str) -> str:
    """The name of an author, cleaned. Raises InputError if it is empty or too long."""
    name = cleaned(author).strip()
    if not 0 < len(name) <= LONGEST_AUTHOR:
        raise InputError(
            f"The name of an author has 1 to {LONGEST_AUTHOR} characters, not {len(name)}."
        )
    return name


def now() -> datetime:
    """The time of a write."""
    return datetime.now(UTC)
