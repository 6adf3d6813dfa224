"""Read and write notes. Every write is a new version; two editors never overwrite each other.

An editor writes against the version that they have read. If it is no longer the current one,
nothing is stored and the editor gets both versions (`EditConflictError`). The current version of a
note is its last revision, so the history is complete by construction.
"""

from dataclasses import dataclass

from sqlalchemy import Engine, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from analysis.bundle import Manifest
from analysis.notes.database import reading, writing
from analysis.notes.note import Note, Place, Stamp, Vote
from analysis.notes.note_content import NoteContent, cleaned
from analysis.notes.note_rows import (
    SUBJECT_COLUMNS,
    add_revision,
    adopt,
    checked_author,
    current_note,
    insert_new,
    known_sae,
    last_votes,
    made_subject,
    note_of_row,
    now,
    subject_id,
    subject_of_row,
    vote_of_row,
)
from analysis.notes.note_tables import placements, readings, revisions, subjects, votes
from analysis.notes.subjects import Subject
from analysis.runtime.errors import InputError

LONGEST_LABEL = 1000
"""Characters of the label that a vote is about."""
_COUNTS = select(
    *(
        select(func.count()).select_from(table).scalar_subquery()
        for table in (readings, revisions, votes, placements)
    )
)


@dataclass(frozen=True)
class NoteStore:
    """The notes of a database. Every method may raise NotesUnavailableError."""

    engine: Engine

    def place(self, manifest: Manifest) -> Place:
        """Which notes a bundle has.

        A bundle that predates the hash of W_dec has the notes of its reading of the SAE. When a
        later bundle of this reading states the hash, these notes become notes of the hash.
        """
        decoder, own = manifest.sae.decoder_hash, manifest.sae.content_hash
        with reading(self.engine) as connection:
            known = known_sae(connection, own)
        by_reading = f"reading-{own}"
        if decoder and known != decoder:
            with writing(self.engine) as connection:
                insert_new(connection, readings, reading=own, sae=decoder)
                adopt(connection, by_reading, decoder)
        return Place(decoder or known or by_reading, own, manifest.bundle_id)

    def note(self, place: Place, subject: Subject) -> Note:
        """The current note on a subject, or the empty note with version 0."""
        with reading(self.engine) as connection:
            return current_note(connection, place, subject)

    def notes(self, sae: str) -> list[Note]:
        """The current notes of an SAE that are not empty, in the order of their last change."""
        rows = (
            select(*SUBJECT_COLUMNS, revisions)
            .join(
                revisions,
                (revisions.c.subject == subjects.c.id)
                & (revisions.c.version == subjects.c.version),
            )
            .where(subjects.c.sae == sae)
            .order_by(revisions.c.id)
        )
        with reading(self.engine) as connection:
            every = [note_of_row(row, subject_of_row(row)) for row in connection.execute(rows)]
        return [note for note in every if not note.content.is_empty]

    def history(self, place: Place, subject: Subject) -> list[Note]:
        """Every version of a note, the first one first."""
        with reading(self.engine) as connection:
            own = subject_id(connection, place.sae, subject)
            rows = connection.execute(
                select(revisions).where(revisions.c.subject == own).order_by(revisions.c.version)
            )
            return [note_of_row(row, subject) for row in rows]

    def write(
        self,
        place: Place,
        subject: Subject,
        content: NoteContent,
        expected: int,
        author: str,
        action: str = "edit",
    ) -> Note:
        """Store a new version of a note, whose current version the editor has read as `expected`.

        Raises EditConflictError if the note has another version now, and InputError for a
        collection without a name or with that of another one.
        """
        removes = content.is_empty and expected > 0
        if subject.kind == "collection" and not content.name and not removes:
            raise InputError("A collection needs a name; give it one.")
        try:
            with writing(self.engine) as connection:
                return add_revision(connection, place, subject, content, expected, author, action)
        except IntegrityError as error:
            if subject.kind != "collection":
                raise
            raise InputError(
                f"There is already a collection {content.name!r}; choose another name."
            ) from error

    def restore(
        self, place: Place, subject: Subject, version: int, expected: int, author: str
    ) -> Note:
        """Store an earlier version as a new one; 0 is the empty note. Raises EditConflictError."""
        earlier = {note.version: note.content for note in self.history(place, subject)}
        if version and version not in earlier:
            raise InputError(f"This note has no version {version}; choose one of its history.")
        content = earlier.get(version, NoteContent())
        return self.write(place, subject, content, expected, author, "undo")

    def vote(self, place: Place, subject: Subject, value: int, label: str, author: str) -> None:
        """Store a vote on a label: 1, -1, or 0 to withdraw it."""
        if value not in (-1, 0, 1):
            raise InputError(f"A vote is 1, 0 or -1, not {value}.")
        with writing(self.engine) as connection:
            connection.execute(
                insert(votes).values(
                    subject=made_subject(connection, place.sae, subject),
                    author=checked_author(author),
                    time=now(),
                    bundle=place.bundle,
                    value=value,
                    label=cleaned(label)[:LONGEST_LABEL],
                )
            )

    def votes(self, place: Place, subject: Subject) -> list[Vote]:
        """The last vote of every reader who has one, by author."""
        with reading(self.engine) as connection:
            own = subject_id(connection, place.sae, subject)
            rows = connection.execute(last_votes(votes.c.subject == own)).all()
        return [vote_of_row(row) for row in rows if row.value]

    def all_votes(self, sae: str) -> list[tuple[Subject, Vote]]:
        """The last vote of every reader on every subject of an SAE."""
        own = select(subjects.c.id).where(subjects.c.sae == sae)
        rows = (
            last_votes(votes.c.subject.in_(own))
            .add_columns(*SUBJECT_COLUMNS)
            .join(subjects, subjects.c.id == votes.c.subject)
        )
        with reading(self.engine) as connection:
            every = connection.execute(rows).all()
        return [(subject_of_row(row), vote_of_row(row)) for row in every if row.value]

    def put(self, place: Place, subject: Subject, cluster: int | None, author: str) -> None:
        """Store on which cluster of the bundle the note of an earlier cluster is; None: on none."""
        with writing(self.engine) as connection:
            connection.execute(
                insert(placements).values(
                    subject=made_subject(connection, place.sae, subject),
                    bundle=place.bundle,
                    cluster=cluster,
                    author=checked_author(author),
                    time=now(),
                )
            )

    def put_on(self, place: Place) -> dict[str, int | None]:
        """The cluster on which readers put a note in this bundle, by the key of its subject."""
        rows = (
            select(subjects.c.key, placements.c.cluster)
            .join(subjects, subjects.c.id == placements.c.subject)
            .where(placements.c.bundle == place.bundle, subjects.c.sae == place.sae)
            .order_by(placements.c.id)
        )
        with reading(self.engine) as connection:
            return {row.key: row.cluster for row in connection.execute(rows)}

    def stamp(self) -> Stamp:
        """The numbers of readings, revisions, votes and placements, in one query."""
        with reading(self.engine) as connection:
            return Stamp(*connection.execute(_COUNTS).one())

    def forget(self, author: str, replacement: str = "former member") -> int:
        """Replace the name of an author everywhere; returns the number of changed rows."""
        changed = 0
        with writing(self.engine) as connection:
            for table in (revisions, votes, placements):
                rows = connection.execute(
                    update(table).where(table.c.author == author).values(author=replacement)
                )
                changed += rows.rowcount
        return changed
