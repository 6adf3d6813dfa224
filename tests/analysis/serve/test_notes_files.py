"""Notes leave a database as a file, and come back into another one."""

import os
from pathlib import Path

import pytest

from analysis.bundle import Bundle
from analysis.notes.database import open_database
from analysis.notes.note_content import note_content
from analysis.notes.note_store import NoteStore
from analysis.notes.subjects import latent_subject
from analysis.runtime.errors import InputError
from analysis.serve.notes_files import back_up_all, export_file, forget, import_file, restore_all


@pytest.mark.parametrize("name", ["notes.parquet", "notes.csv"])
def test_a_backup_is_restored(
    name: str, planted_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (f"sqlite:///{tmp_path / folder / 'notes.sqlite'}" for folder in "ab")
    monkeypatch.setenv("LOGNAME", "cy")
    monkeypatch.setenv("CLEARWATER_NOTES", first)
    store = NoteStore(open_database(first))
    place = store.place(planted_bundle.manifest)
    for latent in (3, 4):
        store.write(place, latent_subject(latent), note_content(f"name {latent}"), 0, "ada")
    store.vote(place, latent_subject(4), 1, "label", "ada")
    store.vote(place, latent_subject(5), -1, "=label", "bob")
    store.vote(place, latent_subject(5), -1, "=label", "ada")
    assert export_file(planted_bundle.path, tmp_path / name) == (2, 3)
    monkeypatch.setenv("CLEARWATER_NOTES", second)
    report = import_file(planted_bundle.path, tmp_path / name, replace=False)
    assert (report.written, report.unchanged, report.kept) == (2, 0, ())
    assert report.votes == 3
    other = NoteStore(open_database(second))
    assert [note.content for note in other.notes(place.sae)] == [
        note.content for note in store.notes(place.sae)
    ]
    assert {note.author for note in other.notes(place.sae)} == {"cy"}
    assert [(s, v.author, v.value, v.label) for s, v in other.all_votes(place.sae)] == [
        (s, v.author, v.value, v.label) for s, v in store.all_votes(place.sae)
    ]
    other.write(place, latent_subject(3), note_content("changed"), 1, "cy")
    kept = import_file(planted_bundle.path, tmp_path / name, replace=False)
    assert (kept.written, kept.unchanged, len(kept.kept)) == (0, 1, 1)
    assert other.note(place, latent_subject(3)).content.name == "changed"
    replaced = import_file(planted_bundle.path, tmp_path / name, replace=True)
    assert (replaced.written, replaced.unchanged, replaced.kept) == (1, 1, ())
    assert other.note(place, latent_subject(3)).content.name == "name 3"
    assert forget("cy") == 4
    assert {note.author for note in other.notes(place.sae)} == {"former member"}
    store.engine.dispose()
    other.engine.dispose()


def test_what_cannot_be_read_is_refused(planted_bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        export_file(tmp_path / "missing", tmp_path / "notes.csv")
    with pytest.raises(InputError, match="there is no such file"):
        import_file(planted_bundle.path, tmp_path / "notes.csv", replace=False)


@pytest.mark.parametrize("ending", ["-wal", "-shm"])
def test_a_restore_beside_the_files_of_another_database_is_refused(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARWATER_NOTES", f"sqlite:///{tmp_path / 'a.sqlite'}")
    assert back_up_all(tmp_path / "backup.sqlite") == (0, 0)
    monkeypatch.setenv("CLEARWATER_NOTES", f"sqlite:///{tmp_path / 'b.sqlite'}")
    (tmp_path / f"b.sqlite{ending}").write_bytes(b"old")
    with pytest.raises(InputError, match=f"b.sqlite{ending}: belongs to a database that was moved"):
        restore_all(tmp_path / "backup.sqlite")
    assert not (tmp_path / "b.sqlite").exists()
    (tmp_path / f"b.sqlite{ending}").unlink()
    assert restore_all(tmp_path / "backup.sqlite") == (0, 0)


def test_new_files_of_notes_are_not_for_everybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = os.umask(0o022)
    try:
        monkeypatch.setenv("CLEARWATER_NOTES", f"sqlite:///{tmp_path / 'a.sqlite'}")
        back_up_all(tmp_path / "backup.sqlite")
    finally:
        os.umask(usual)
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.glob("*.sqlite*")}
    assert {"a.sqlite", "backup.sqlite"} <= {*modes} and {*modes.values()} == {0o640}
