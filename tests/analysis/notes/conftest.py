"""Notes databases: SQLite in a temporary folder, and a real PostgreSQL server."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from analysis.notes.database import open_database
from analysis.notes.note import Place
from analysis.notes.note_store import NoteStore
from tests.analysis.notes.postgresql import programs, running_server

PLACE = Place("a" * 64, "b" * 64, "first")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a database of a real server."""
    bin_folder = programs()
    if bin_folder is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is missing: install it to test notes on a server.")
        pytest.skip("PostgreSQL is not installed.")
    # Below /tmp, because the path of a socket has at most 107 bytes and other users must reach it.
    folder = Path(tempfile.mkdtemp(prefix="clearwater-pg-"))
    folder.chmod(0o755)
    try:
        with running_server(folder / "server", bin_folder) as address:
            yield address
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'notes.sqlite'}"
    server: str = request.getfixturevalue("postgresql")
    engine = open_database(server)
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE readings, subjects, revisions, votes, placements"))
    engine.dispose()
    return server


@pytest.fixture
def store(address: str) -> Iterator[NoteStore]:
    """An empty notes database of each kind."""
    engine = open_database(address)
    yield NoteStore(engine)
    engine.dispose()


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[NoteStore]:
    """An empty SQLite database."""
    engine = open_database(f"sqlite:///{tmp_path / 'notes.sqlite'}")
    yield NoteStore(engine)
    engine.dispose()
