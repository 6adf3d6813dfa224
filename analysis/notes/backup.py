"""Back up all notes with their history to one file, and restore them, in SQLite or PostgreSQL.

The file is a notes database of its own, in SQLite, whichever database the notes are in. So a backup
is also the way from SQLite to PostgreSQL and back. A backup is a snapshot: it is read in one
transaction, while readers go on writing.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine, func, insert, select, text

from analysis.notes.database import open_database, reading, writing
from analysis.notes.note_tables import metadata
from analysis.runtime.durable import sync
from analysis.runtime.errors import InputError

ROWS_AT_ONCE = 1_000
UNFINISHED = ".unfinished"


class Copied(NamedTuple):
    """What a backup holds."""

    versions: int
    """Of notes."""
    votes: int
    """Given, changed and withdrawn."""


def back_up(source: Engine, file: Path) -> Copied:
    """Write all notes and votes of a database to a new file.

    Raises InputError if the file exists already or its folder does not.
    """
    if file.exists():
        raise InputError(f"{file}: exists already; give the name of a new file.")
    if not file.parent.is_dir():
        raise InputError(f"{file}: there is no such folder; give a file in an existing one.")
    unfinished = file.with_name(f"{file.name}{UNFINISHED}")
    _remove(unfinished)
    engine = open_database(f"sqlite:///{unfinished.resolve()}")
    try:
        with reading(_snapshots(source)) as before, writing(engine) as after:
            copied = _copied(before, after)
    except BaseException:
        engine.dispose()
        _remove(unfinished)
        raise
    engine.dispose()
    with closing(sqlite3.connect(unfinished)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")  # one file instead of three
    sync(unfinished)
    unfinished.replace(file)
    return copied


def restore(file: Path, target: Engine) -> Copied:
    """Fill an empty database with the notes and votes of a backup.

    A backup of an earlier version of Clearwater gets the tables of this version first, in a copy.
    Raises InputError if there is no such file, it is no backup, or the database has notes.
    """
    if not file.is_file():
        raise InputError(f"{file}: there is no such backup; give a file of notes backup.")
    with file.open("rb") as opened:
        if opened.read(16) != b"SQLite format 3\0":
            raise InputError(f"{file}: is no backup of notes; give a file of notes backup.")
    copy = file.with_name(f"{file.name}{UNFINISHED}")
    copy.write_bytes(file.read_bytes())
    source = None
    try:
        source = open_database(f"sqlite:///{copy.resolve()}")
        with reading(source) as before, writing(target) as after:
            if any(_rows(after, table.name) for table in metadata.sorted_tables):
                raise InputError(
                    "The notes database is not empty, and a backup replaces nothing; give the "
                    "setting notes the address of an empty one."
                )
            copied = _copied(before, after)
            _continue_numbers(after)
    finally:
        if source is not None:
            source.dispose()
        _remove(copy)
    return copied


def check_leftovers(file: Path) -> None:
    """Raise InputError if a database file was moved away without the files that belong to it."""
    for ending in ("-wal", "-shm"):
        left = file.with_name(file.name + ending)
        if not file.exists() and left.exists():
            raise InputError(
                f"{left}: belongs to a database that was moved away; move it there too."
            )


def _copied(before: Connection, after: Connection) -> Copied:
    """Copy all rows with their ids, tables that others refer to first."""
    for table in metadata.sorted_tables:
        rows = before.execution_options(yield_per=ROWS_AT_ONCE).execute(select(table))
        for part in rows.mappings().partitions(ROWS_AT_ONCE):
            after.execute(insert(table), [dict(row) for row in part])
    return Copied(_rows(after, "revisions"), _rows(after, "votes"))


def _rows(connection: Connection, table: str) -> int:
    return int(
        connection.execute(select(func.count()).select_from(metadata.tables[table])).scalar_one()
    )


def _snapshots(engine: Engine) -> Engine:
    """The engine with transactions that see one state of the database from begin to end."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="REPEATABLE READ")
    return engine  # a transaction of SQLite is one


def _continue_numbers(connection: Connection) -> None:
    """Let PostgreSQL number new rows after those that were restored."""
    if connection.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        if "id" in table.c:
            statement = (
                f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), "
                f"(SELECT coalesce(max(id), 0) + 1 FROM {table.name}), false)"
            )
            connection.execute(text(statement))


def _remove(file: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        file.with_name(file.name + ending).unlink(missing_ok=True)
