"""Opening the notes database: real SQLite files and a real PostgreSQL server."""

import multiprocessing
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from analysis.notes.database import (
    NotesUnavailableError,
    network_file_system,
    open_database,
    reading,
    writing,
)
from analysis.runtime.errors import InputError

REVISION = "SELECT version_num FROM alembic_version"
MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:35 / /home rw,relatime shared:20 - nfs4 server:/home rw
41 40 8:2 / /home/with\\040space rw - xfs /dev/sdb1 rw
42 22 8:3 / /data rw - xfs /dev/sdc1 rw
43 42 0:36 / /data rw - cifs //server/share rw
44 42 0:37 / /data/é\\040\\134040 rw - nfs server:/other rw
"""


def test_sqlite_keeps_commits_and_lets_readers_read(tmp_path: Path) -> None:
    file = tmp_path / "deeper" / "notes.sqlite"
    engine = open_database(f"sqlite:///{file}")
    with engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 30_000,
    }
    with writing(engine) as writer:
        writer.execute(text("INSERT INTO readings VALUES ('a', 'b')"))
        with reading(engine) as reader:
            assert reader.execute(text("SELECT count(*) FROM readings")).scalar() == 0
    with reading(engine) as reader:
        assert reader.execute(text("SELECT count(*) FROM readings")).scalar() == 1
    engine.dispose()


def test_a_failed_block_writes_nothing(address: str) -> None:
    engine = open_database(address)
    with pytest.raises(ZeroDivisionError), writing(engine) as writer:
        writer.execute(text("INSERT INTO readings VALUES ('a', 'b')"))
        _ = 1 / 0
    with reading(engine) as reader:
        assert reader.execute(text("SELECT count(*) FROM readings")).scalar() == 0
    engine.dispose()


def test_opening_again_keeps_everything(address: str) -> None:
    for count in range(2):
        engine = open_database(address)
        with writing(engine) as writer:
            assert writer.execute(text(REVISION)).scalar() == "0001"
            stored = writer.execute(text("SELECT count(*) FROM readings")).scalar()
            assert stored == count
            writer.execute(text("INSERT INTO readings VALUES (:n, 'b')"), {"n": str(count)})
        engine.dispose()


def _open(address: str) -> str | None:
    engine = open_database(address)
    with reading(engine) as reader:
        revision: str | None = reader.execute(text(REVISION)).scalar()
    engine.dispose()
    return revision


def test_processes_can_open_a_new_database_at_once(address: str) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert pool.map(_open, [address] * 3, 1) == ["0001"] * 3


@pytest.mark.parametrize("address", ["notes.sqlite", "postgresql://host:port/x"])
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(InputError, match="address of the notes database cannot be read"):
        open_database(address)


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'notes.sqlite'}"
    engine = open_database(address)
    with writing(engine) as writer:
        writer.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(InputError, match="was made by another version of Clearwater"):
        open_database(address)


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "notes.sqlite"
    file.write_text("not a database " * 100)
    with pytest.raises(NotesUnavailableError, match=r"notes\.sqlite: the notes database cannot"):
        open_database(f"sqlite:///{file}")
    assert file.read_text() == "not a database " * 100


def test_a_locked_database_is_reported_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.notes.database.PATIENCE_SECONDS", 0.1)
    file = tmp_path / "notes.sqlite"
    engine = open_database(f"sqlite:///{file}")
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(NotesUnavailableError, match="database is locked"), writing(engine):
        pass
    other.execute("COMMIT")
    other.close()
    with writing(engine):
        pass
    engine.dispose()


def test_a_server_that_does_not_answer_is_reported_without_its_password(tmp_path: Path) -> None:
    address = f"postgresql://me:secret@/postgres?host={tmp_path}"
    with pytest.raises(NotesUnavailableError, match="cannot be used now") as caught:
        open_database(address)
    assert "secret" not in str(caught.value) and "***" in str(caught.value)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="folder of the notes cannot be made"):
        open_database(f"sqlite:///{tmp_path / 'file' / 'notes.sqlite'}")


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/var/lib", None),
        ("/home/ada", "nfs4"),
        ("/home/with space/x", None),
        ("/homes", None),
        ("/data/x", "cifs"),
        ("/data/é \\040/x", "nfs"),
        ("/data/é  /x", "cifs"),
    ],
)
def test_network_file_systems_are_recognised(folder: str, kind: str | None, tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS, encoding="utf-8")
    assert network_file_system(Path(folder), mounts) == kind


def test_without_a_list_of_mounts_the_file_system_is_unknown(tmp_path: Path) -> None:
    assert network_file_system(tmp_path, tmp_path / "missing") is None


def test_sqlite_on_a_network_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.notes.database.network_file_system", lambda folder: "nfs4")
    with pytest.raises(InputError, match=r"is on a network file system \(nfs4\)"):
        open_database(f"sqlite:///{tmp_path / 'notes.sqlite'}")
    assert list(tmp_path.iterdir()) == []
