"""Export the notes and votes of an SAE as Parquet or CSV, and import them again.

A subject with votes and no note is a row with an empty note of version 0. The author of an import
is the reader who imports, and the author of the file stays in the file. A note that differs from
the stored one is only replaced if that is requested, so no import loses an edit.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.bundle import SPACES
from analysis.notes.note import EditConflictError, Note, Place, Vote
from analysis.notes.note_content import NoteContent, note_content
from analysis.notes.note_store import NoteStore
from analysis.notes.subjects import (
    ClusterOrigin,
    Kind,
    Subject,
    cluster_subject,
    latent_subject,
    new_collection,
    pair_subject,
)
from analysis.notes.vote_interchange import (
    VOTES,
    GivenVote,
    import_votes,
    vote_cells,
    votes_of_cell,
)
from analysis.runtime.csv_fields import long_fields
from analysis.runtime.durable import UNFINISHED, sync
from analysis.runtime.errors import InputError

COLUMNS = pa.schema(
    [
        ("sae", pa.string()),
        ("kind", pa.string()),
        ("key", pa.string()),
        ("latents", pa.list_(pa.int32())),
        ("name", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("text", pa.string()),
        ("status", pa.string()),
        ("version", pa.int32()),
        ("author", pa.string()),
        ("time", pa.timestamp("us", "UTC")),
        ("votes_for", pa.int32()),
        ("votes_against", pa.int32()),
        ("votes", VOTES),
        ("bundle", pa.string()),
        ("cluster", pa.int32()),
        ("space", pa.string()),
    ]
)
"""The columns of an export; `bundle`, `cluster` and `space` say where a cluster was."""
NEEDED = ("kind", "latents", "name", "tags", "text", "status")
"""Columns that an import reads; the others may be missing."""
MOST_BYTES = 100_000_000
MOST_ROWS = 100_000
_LISTS = ("latents", "tags", "votes")
_MOST_DIGITS = 9
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
"""First characters of a text that a spreadsheet would read as a formula, and the mark itself."""


@dataclass(frozen=True)
class ImportReport:
    """What an import did with the rows of its file."""

    written: int
    unchanged: int
    kept: tuple[Note, ...]
    """Stored notes that differ from those of the file and were kept."""
    votes: int = 0
    """Votes that were stored."""


def notes_table(store: NoteStore, sae: str) -> pa.Table:
    """What readers wrote about an SAE, one row for each subject, with the columns `COLUMNS`.

    The notes come first, in the order of their last change, then subjects that have votes only.
    """
    votes: dict[tuple[str, str], list[Vote]] = {}
    subjects = {}
    for subject, vote in store.all_votes(sae):
        votes.setdefault((subject.kind, subject.key), []).append(vote)
        subjects[subject.kind, subject.key] = subject
    notes = store.notes(sae)
    for note in notes:
        subjects.pop((note.subject.kind, note.subject.key), None)
    voted = sorted(subjects.values(), key=lambda one: (one.kind, one.members, one.key))
    rows = [
        _row(sae, note, votes.get((note.subject.kind, note.subject.key), []))
        for note in [*notes, *(Note(subject, NoteContent(), 0) for subject in voted)]
    ]
    return pa.Table.from_pylist(rows, COLUMNS)


def write_notes(table: pa.Table, file: Path) -> None:
    """Write notes to a file, as Parquet or CSV by its name.

    Raises InputError for another name, or if the folder does not exist.
    """
    kind = _kind_of(file)
    if not file.parent.is_dir():
        raise InputError(f"{file}: there is no such folder; give a file in an existing one.")
    unfinished = file.with_name(f"{file.name}{UNFINISHED}")
    if kind == "parquet":
        pq.write_table(table, unfinished)
    else:
        unfinished.write_bytes(as_csv(table))
    sync(unfinished)
    unfinished.replace(file)


def as_csv(table: pa.Table) -> bytes:
    """Notes as CSV in UTF-8: lists are JSON, and no text can be read as a formula."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow(table.column_names)
    for row in table.to_pylist():
        writer.writerow([_cell(name, value) for name, value in row.items()])
    return file.getvalue().encode()


def read_notes(file: Path) -> list[tuple[Subject, NoteContent]]:
    """The subjects and contents of a file that `write_notes` or another tool wrote.

    A row with votes and an empty note has no note. Raises InputError if the file is no such file or
    too large, and names the first wrong row.
    """
    rows = _rows(file)
    given = [_given(file, number, row) for number, row in enumerate(rows, 1)]
    kept = zip(given, rows, strict=True)
    return [one for one, row in kept if not (row.get("votes") and one[1].is_empty)]


def read_votes(file: Path) -> list[tuple[Subject, GivenVote]]:
    """The votes of a file that `write_notes` wrote; none of a file without the column `votes`.

    Raises InputError as `read_notes`.
    """
    votes = []
    for number, row in enumerate(_rows(file), 1):
        with _in_row(file, number):
            given = votes_of_cell(row.get("votes"))
        if given:
            subject, _ = _given(file, number, row)
            votes += [(subject, vote) for vote in given]
    return votes


def _rows(file: Path) -> list[dict[str, Any]]:
    kind = _kind_of(file)
    if not file.is_file():
        raise InputError(f"{file}: there is no such file; give an export of notes.")
    if file.stat().st_size > MOST_BYTES:
        raise InputError(
            f"{file}: has more than {MOST_BYTES:,} bytes, too many for notes; import it in parts."
        )
    return _parquet_rows(file) if kind == "parquet" else _csv_rows(file)


def import_notes(
    store: NoteStore,
    place: Place,
    given: Iterable[tuple[Subject, NoteContent]],
    author: str,
    *,
    latents: int,
    replace: bool = False,
    votes: Iterable[tuple[Subject, GivenVote]] = (),
) -> ImportReport:
    """Store notes and votes of a file in the SAE of a place, which has so many latents.

    A collection with the name of a stored one with the same latents is that collection. All notes
    are checked before the first one is stored. Raises InputError if one has a latent that the SAE
    does not have, or is a collection without a name or with other latents than its namesake.
    """
    written, unchanged, kept, votes = 0, 0, [], [*votes]
    for subject, _ in votes:
        _check_latents(subject, latents)
    for own, content in _checked(given, store.notes(place.sae), latents):
        now = store.note(place, own)
        if now.content == content:
            unchanged += 1
        elif now.version and not now.content.is_empty and not replace:
            kept.append(now)
        else:
            try:
                store.write(place, own, content, now.version, author, "import")
                written += 1
            except EditConflictError as conflict:
                kept.append(conflict.stored)
    stored = import_votes(store, place, votes, replace=replace)
    return ImportReport(written, unchanged, tuple(kept), stored)


def _check_latents(subject: Subject, latents: int) -> None:
    if subject.members[-1] >= latents:
        raise InputError(
            f"A note is about latent {subject.members[-1]}, but this SAE has {latents:,} "
            "latents; import the notes for the bundle that they are of."
        )


def _checked(
    given: Iterable[tuple[Subject, NoteContent]], stored: Iterable[Note], latents: int
) -> list[tuple[Subject, NoteContent]]:
    """The given notes; a collection that is stored, or twice in the file, is one subject."""
    named = {
        note.content.name: note.subject for note in stored if note.subject.kind == "collection"
    }
    checked = []
    for subject, content in given:
        _check_latents(subject, latents)
        own = subject
        if subject.kind == "collection":
            if not content.name:
                raise InputError("A collection of the file has no name; give it one.")
            own = named.setdefault(content.name, subject)
            if own.members != subject.members:
                raise InputError(
                    f"The collection {content.name!r} has other latents here; rename one of them."
                )
        checked.append((own, content))
    return checked


def _row(sae: str, note: Note, votes: list[Vote]) -> dict[str, Any]:
    content, origin = note.content, note.subject.origin
    return {
        "sae": sae,
        "kind": note.subject.kind,
        "key": note.subject.key,
        "latents": note.subject.members,
        "name": content.name,
        "tags": content.tags,
        "text": content.text,
        "status": content.status,
        "version": note.version,
        "author": note.author,
        "time": note.time,
        "votes_for": sum(vote.value == 1 for vote in votes),
        "votes_against": sum(vote.value == -1 for vote in votes),
        "votes": vote_cells(votes),
        "bundle": origin and origin.bundle,
        "cluster": origin and origin.cluster,
        "space": origin and origin.space,
    }


def _kind_of(file: Path) -> str:
    kind = file.suffix.lower().removeprefix(".")
    if kind not in ("parquet", "csv"):
        raise InputError(f"{file}: notes are files that end in .parquet or .csv; rename it.")
    return kind


def _cell(name: str, value: Any) -> Any:
    if value is None:
        return ""
    if name in _LISTS:
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return value if isinstance(value, int) else value.isoformat()


def _parquet_rows(file: Path) -> list[dict[str, Any]]:
    try:
        opened = pq.ParquetFile(file)
        names = opened.schema_arrow.names
        _check_columns(file, names)
        _check_size(file, opened.metadata.num_rows)
        declared = sum(
            opened.metadata.row_group(i).total_byte_size
            for i in range(opened.metadata.num_row_groups)
        )
        if declared > MOST_BYTES:
            raise InputError(f"{file}: holds more than {MOST_BYTES:,} bytes; import it in parts.")
        wanted = [name for name in COLUMNS.names if name in names]
        rows: list[dict[str, Any]] = opened.read(wanted).to_pylist()
        return rows
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{file}: cannot be read as Parquet; export the notes again.") from error


def _csv_rows(file: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    try:
        # The latents of a large cluster are one field.
        with long_fields(MOST_BYTES), file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            _check_columns(file, reader.fieldnames or [])
            for row in reader:
                with _in_row(file, len(rows) + 1):
                    values = {name: _value(name, text) for name, text in row.items() if name}
                rows.append(values)
                _check_size(file, len(rows))
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read as CSV in UTF-8 ({error}).") from error
    return rows


@contextmanager
def _in_row(file: Path, number: int) -> Iterator[None]:
    """Name the row in the sentence of an InputError."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{file}: row {number}: {error}") from error


def _value(name: str, given: str | None) -> Any:
    text = given or ""
    if name in _LISTS:
        try:
            return json.loads(text or "[]")
        except (ValueError, RecursionError) as error:
            example = "[3, 14]" if name == "latents" else '["days"]'
            raise InputError(f"{name} is no list in JSON; write it like {example}.") from error
    if name == "cluster":
        if text and not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
            raise InputError(f"cluster is a number or empty, not {text[:40]!r}.")
        return int(text) if text else None
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def _check_columns(file: Path, names: Iterable[str]) -> None:
    if missing := [name for name in NEEDED if name not in set(names)]:
        raise InputError(
            f"{file}: has no column {missing[0]}; notes have the columns {', '.join(NEEDED)}."
        )


def _check_size(file: Path, rows: int) -> None:
    if rows > MOST_ROWS:
        raise InputError(f"{file}: has more than {MOST_ROWS:,} rows; import it in parts.")


def _given(file: Path, number: int, row: Mapping[str, Any]) -> tuple[Subject, NoteContent]:
    with _in_row(file, number):
        for name in ("latents", "tags"):
            if not isinstance(row[name], list | None):
                raise InputError(f"{name} is not a list.")
        try:
            content = note_content(
                row["name"] or "", row["tags"] or [], row["text"] or "", row["status"] or "open"
            )
            return _subject_of(row), content
        except InputError:
            raise
        except (TypeError, ValueError, AttributeError) as error:
            raise InputError("this is not a note; export the notes again.") from error


def _subject_of(row: Mapping[str, Any]) -> Subject:
    kind, latents = row["kind"], row["latents"] or []
    if wrong := [one for one in latents if not isinstance(one, int) or isinstance(one, bool)]:
        raise InputError(f"a latent is a whole number, not {str(wrong[0])[:40]!r}.")
    if kind not in get_args(Kind):
        raise InputError(f"the kind is one of {', '.join(get_args(Kind))}, not {str(kind)[:40]!r}.")
    if kind == "latent" and len(latents) == 1:
        return latent_subject(latents[0])
    if kind == "pair" and len(latents) == 2:
        return pair_subject(*latents)
    if kind == "collection":
        return new_collection(latents)
    if kind == "cluster" and latents:
        return cluster_subject(latents, _origin(row))
    raise InputError(f"a note on a {kind} cannot have {len(latents)} latents.")


def _origin(row: Mapping[str, Any]) -> ClusterOrigin | None:
    bundle, cluster = row.get("bundle"), row.get("cluster")
    space = next((one for one in SPACES if one == row.get("space")), None)
    if not bundle or cluster is None or space is None:
        return None
    if not 0 <= int(cluster) < 2**31:
        raise InputError(f"{cluster} is not the number of a cluster.")
    return ClusterOrigin(str(bundle)[:72], int(cluster), space)
