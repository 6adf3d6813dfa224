"""Back up, wipe, restore, compare: SQLite and PostgreSQL, and from each to the other."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, text

from analysis.notes import backup
from analysis.notes.backup import back_up, restore
from analysis.notes.database import open_database, writing
from analysis.notes.note_content import note_content
from analysis.notes.note_store import NoteStore
from analysis.notes.note_tables import metadata
from analysis.notes.subjects import latent_subject, new_collection
from analysis.runtime.errors import InputError
from tests.analysis.notes.conftest import PLACE


def contents(engine: Engine) -> dict[str, list[Any]]:
    """Every row of every table."""
    with engine.begin() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }


def fill(store: NoteStore) -> None:
    for latent in (3, 7):
        for version in range(3):
            content = note_content(text=f"{latent} é\x00 {version}", tags=["days"])
            store.write(PLACE, latent_subject(latent), content, version, "ada")
    store.vote(PLACE, latent_subject(3), 1, "label", "bob")
    store.write(PLACE, new_collection([1, 2]), note_content(name="mine"), 0, "ada")
    store.put(PLACE, latent_subject(7), None, "bob")
    with writing(store.engine) as connection:
        connection.execute(text("INSERT INTO readings (reading, sae) VALUES ('r', 's')"))


def wipe(engine: Engine) -> None:
    with writing(engine) as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())


def test_back_up_wipe_restore_compare(
    store: NoteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "ROWS_AT_ONCE", 2)
    fill(store)
    before = contents(store.engine)
    assert len(before["revisions"]) == 7 and all(before.values())
    file = tmp_path / "backup.sqlite"
    assert back_up(store.engine, file) == (7, 1)
    assert sorted(path.name for path in tmp_path.glob("backup*")) == ["backup.sqlite"]
    with pytest.raises(InputError, match="is not empty"):
        restore(file, store.engine)
    assert contents(store.engine) == before
    wipe(store.engine)
    assert restore(file, store.engine) == (7, 1)
    assert contents(store.engine) == before
    # New rows are numbered after the restored ones, and versions go on.
    note = store.write(PLACE, latent_subject(3), note_content(text="later"), 3, "eve")
    assert note.version == 4
    assert store.write(PLACE, latent_subject(9), note_content(text="new"), 0, "eve").version == 1
    assert sorted(path.name for path in tmp_path.glob("backup*")) == ["backup.sqlite"]


def test_a_backup_moves_notes_to_another_database(store: NoteStore, tmp_path: Path) -> None:
    fill(store)
    back_up(store.engine, tmp_path / "backup.sqlite")
    other = open_database(f"sqlite:///{tmp_path / 'other.sqlite'}")
    restore(tmp_path / "backup.sqlite", other)
    assert contents(other) == contents(store.engine)
    other.dispose()


def test_what_is_refused(sqlite_store: NoteStore, tmp_path: Path) -> None:
    taken = tmp_path / "taken.sqlite"
    taken.write_text("mine")
    for file, message in (
        (taken, "exists already"),
        (tmp_path / "missing" / "backup.sqlite", "there is no such folder"),
    ):
        with pytest.raises(InputError, match=message):
            back_up(sqlite_store.engine, file)
    assert taken.read_text() == "mine"
    for file, message in ((taken, "is no backup of notes"), (tmp_path / "none", "no such backup")):
        with pytest.raises(InputError, match=message):
            restore(file, sqlite_store.engine)


def test_a_backup_of_a_newer_version_is_refused(sqlite_store: NoteStore, tmp_path: Path) -> None:
    fill(sqlite_store)
    file = tmp_path / "backup.sqlite"
    back_up(sqlite_store.engine, file)
    connection = sqlite3.connect(file)
    connection.execute("UPDATE alembic_version SET version_num = 'future'")
    connection.commit()
    connection.close()
    wipe(sqlite_store.engine)
    with pytest.raises(InputError, match="was made by another version of Clearwater"):
        restore(file, sqlite_store.engine)
    assert not any(contents(sqlite_store.engine).values())
    assert sorted(path.name for path in tmp_path.glob("backup*")) == ["backup.sqlite"]


def test_what_an_interrupted_backup_has_left_is_no_part_of_the_next_one(
    sqlite_store: NoteStore, tmp_path: Path
) -> None:
    fill(sqlite_store)
    file = tmp_path / "backup.sqlite"
    back_up(sqlite_store.engine, file)
    file.replace(tmp_path / f"backup.sqlite{backup.UNFINISHED}")
    copied = back_up(sqlite_store.engine, file)
    restored = open_database(f"sqlite:///{file}")
    assert contents(restored) == contents(sqlite_store.engine)
    restored.dispose()
    assert copied == (7, 1) and not (tmp_path / f"backup.sqlite{backup.UNFINISHED}").exists()


@pytest.mark.parametrize("ending", ["-wal", "-shm"])
def test_only_files_without_their_database_are_left_over(tmp_path: Path, ending: str) -> None:
    file = tmp_path / "notes.sqlite"
    backup.check_leftovers(file)
    file.with_name(file.name + ending).touch()
    with pytest.raises(InputError, match="was moved away"):
        backup.check_leftovers(file)
    file.touch()
    backup.check_leftovers(file)
