"""The file of the search index: where it is, when it is built, and what it holds.

It is an SQLite file in the cache folder, derived from one bundle, and no part of it. Its name holds
the id of the bundle's content, so that another content has another file. It is written under
another name and renamed, so that several processes can build it at once: the last one wins, and all
of them wrote the same. Corpora of more than MOST_TOKENS are indexed without their text.

Memory: a row group of a table, and the page cache of SQLite.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from uuid import uuid4

from analysis.bundle import Bundle
from analysis.runtime.cache_folder import cache_folder
from analysis.runtime.durable import UNFINISHED
from analysis.runtime.errors import InputError
from analysis.selection.search.index_rows import fill

VERSION = 1
"""Of the content of the file; another one has another name."""
MOST_FILES = 16
"""Index files that stay in the cache."""
_PRAGMAS = (
    "pragma journal_mode = off",
    "pragma synchronous = off",
    "pragma temp_store = file",
    "pragma cache_size = -32000",
)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR)
"""Codes of SQLite for a file that is not what was written."""
_building = Lock()


def index_path(bundle: Bundle) -> Path:
    """Where the index of a bundle is, or will be."""
    named = hashlib.sha256(f"{VERSION} {bundle.manifest.bundle_id}".encode()).hexdigest()[:24]
    return cache_folder() / "search" / f"{named}.sqlite"


@contextmanager
def open_index(bundle: Bundle) -> Iterator[sqlite3.Connection]:
    """A connection to the index, which is built first if it is missing or damaged.

    Raises InputError if the cache folder cannot be written, or if damage shows when the index is
    read; the file is then removed.
    """
    path = index_path(bundle)
    if not is_complete(path):
        with _building:
            if not is_complete(path):
                _build(bundle, path)
    try:
        with closing(_connect(path)) as index:
            yield index
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF not in _DAMAGED:
            raise
        path.unlink(missing_ok=True)
        raise InputError(
            f"{path}: the search index was damaged ({error}) and has been removed; search again."
        ) from error


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def is_complete(path: Path) -> bool:
    """Whether the last thing that a build writes is there."""
    try:
        with closing(_connect(path)) as index:
            row = index.execute("select value from facts where name = 'version'").fetchone()
    except sqlite3.Error:
        return False
    return row is not None and row[0] == VERSION


def _build(bundle: Bundle, path: Path) -> None:
    unfinished = path.with_name(f"{path.stem}.{uuid4().hex}{UNFINISHED}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(unfinished)) as index:
            for pragma in _PRAGMAS:
                index.execute(pragma)
            fill(index, bundle)
            index.execute("create table facts (name text primary key, value)")
            index.execute("insert into facts values ('version', ?)", (VERSION,))
            index.commit()
        unfinished.replace(path)
        _forget_old(path.parent)
    except (OSError, sqlite3.OperationalError) as error:
        raise InputError(
            f"{path.parent}: the search index cannot be written ({error}); free some space, or "
            "name another folder in CLEARWATER_CACHE."
        ) from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _forget_old(folder: Path) -> None:
    """Delete the files that were built first, beyond MOST_FILES."""
    files = sorted(folder.glob("*.sqlite"), key=lambda file: file.stat().st_mtime)
    for file in files[:-MOST_FILES]:
        file.unlink(missing_ok=True)
