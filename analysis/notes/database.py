"""Open the database of the notes: SQLite in one file, or PostgreSQL; make or update its tables.

SQLite runs in WAL mode, in which readers do not wait for a writer, and forces every commit to the
disk. WAL needs memory that all processes share, so its file cannot be on a network file system
(https://www.sqlite.org/wal.html).
"""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from analysis.notes.address import check_address
from analysis.runtime.errors import InputError

PATIENCE_SECONDS = 30
"""How long a writer waits for others."""
CONNECT_SECONDS = 5
"""How long opening a connection to a server may take."""
FILE_MODE = 0o640
"""Who may read a new file of notes: not everybody of the machine."""
MIGRATIONS = Path(__file__).parent / "migrations"
NETWORK_FILE_SYSTEMS = frozenset(
    (
        *("9p", "acfs", "afpfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs2"),
        *("glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "pvfs2"),
        *("smb2", "smb3", "smbfs", "virtiofs", "wekafs", "fuse.ceph", "fuse.davfs2"),
        *("fuse.gcsfuse", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
    )
)
"""Types of file systems, as Linux names them."""
_MIGRATION_LOCK = 0x636C6561
"""An arbitrary number, by which PostgreSQL tells this lock from others."""
_POSTGRESQL = "postgresql+psycopg"
_WRITES = "clearwater_writes"
_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")


class NotesUnavailableError(InputError):
    """The database cannot be reached or written now; nothing was stored."""


def open_database(address: str) -> Engine:
    """Connect to the database at an address such as sqlite:////path/notes.sqlite.

    Missing tables and columns are made. Raises InputError if the address cannot be read, the folder
    cannot be written or is on a network, or a newer version of Clearwater made the database, and
    NotesUnavailableError if the server does not answer.
    """
    url = _url(address)
    engine = _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)
    try:
        with available(engine):
            _migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def available(engine: Engine) -> Iterator[None]:
    """Raise NotesUnavailableError, without password and statement, if the database fails.

    IntegrityError passes: it is about what is written.
    """
    try:
        yield
    except IntegrityError:
        raise
    except (DBAPIError, PoolTimeout) as error:
        raise NotesUnavailableError(
            f"{shown_address(engine.url)}: the notes database cannot be used now "
            f"({_reason(error)}), so nothing was stored; try again, or tell the operator."
        ) from error


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: committed at the end of the block, undone by an exception."""
    with (
        available(engine),
        engine.execution_options(**{_WRITES: True}).begin() as connection,
    ):
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that reads."""
    with available(engine), engine.begin() as connection:
        yield connection


def shown_address(url: URL) -> str:
    """The address without its password; of SQLite the file."""
    if url.get_backend_name() == "sqlite":
        return url.database or "memory"
    return url.render_as_string(hide_password=True)


def network_file_system(folder: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str | None:
    """The type of the network file system that a folder is on; None on a disk, or if unknown."""
    try:
        lines = mounts.read_bytes().splitlines()
    except OSError:  # not Linux
        return None
    place = folder.resolve()
    inside: list[tuple[int, str]] = []
    for line in lines:
        before, _, after = line.partition(b" - ")
        # A space, a tab, a line end and a backslash are written as octal numbers.
        name = _OCTAL.sub(lambda code: bytes([int(code[1], 8)]), before.split(b" ")[4])
        point = Path(os.fsdecode(name))
        if place.is_relative_to(point):
            inside.append((len(point.parts), after.split(b" ")[0].decode()))
    # Of several mounts on one point, the last one counts.
    kind = max(enumerate(inside), key=lambda one: (one[1][0], one[0]))[1][1] if inside else ""
    return kind if kind in NETWORK_FILE_SYSTEMS else None


def _url(address: str) -> URL:
    check_address(address)
    try:
        url = make_url(address)
    except (ArgumentError, ValueError) as error:
        raise InputError(
            "The address of the notes database cannot be read; write special characters of its "
            "password as %40 and the like."
        ) from error
    return url if url.get_backend_name() == "sqlite" else url.set(drivername=_POSTGRESQL)


def _sqlite(url: URL) -> Engine:
    file = Path(url.database or "")
    if (kind := network_file_system(file.parent)) is not None:
        raise InputError(
            f"{file}: is on a network file system ({kind}), on which SQLite can lose notes; choose "
            "a folder on a disk of this machine, or PostgreSQL."
        )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{file.parent}: the folder of the notes cannot be made ({error.strerror}); choose "
            "another one."
        ) from error
    with suppress(OSError):  # SQLite names the reason better
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, FILE_MODE))
    engine = create_engine(url, connect_args={"timeout": PATIENCE_SECONDS})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    # The driver must not begin transactions itself: it would begin them too late.
    connection.isolation_level = None
    for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {setting}")


def _begin(connection: Connection) -> None:
    # A writer takes the lock at once: one that first reads could not get it after another's commit.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql(url: URL) -> Engine:
    try:
        return create_engine(
            url, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_SECONDS}
        )
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise InputError(
            "The notes are in PostgreSQL, but psycopg is not installed; install it with "
            "`pip install -r requirements-team.txt`."
        ) from error


def _migrate(engine: Engine) -> None:
    """Make what is missing; processes that start at the same time wait for each other."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    newest = ScriptDirectory.from_config(config).get_current_head()
    with reading(engine) as connection:
        if _stored_revision(connection) == newest:
            return
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(
                text("SELECT pg_advisory_xact_lock(:number)"), {"number": _MIGRATION_LOCK}
            )
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise InputError(
                f"{shown_address(engine.url)}: was made by another version of Clearwater "
                f"({error}); update Clearwater, or restore the database from a backup."
            ) from error


def _stored_revision(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if revision is None else str(revision)


def _reason(error: SQLAlchemyError) -> str:
    """The first line of what the driver reports."""
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().partition("\n")[0].rstrip(".") or type(cause).__name__
