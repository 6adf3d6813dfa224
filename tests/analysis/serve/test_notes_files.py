"""Notes leave a database as a file, and come back into another one."""

from pathlib import Path

import pytest

from analysis.bundle import Bundle
from analysis.notes.database import open_database
from analysis.notes.note_content import note_content
from analysis.notes.note_store import NoteStore
from analysis.notes.subjects import latent_subject
from analysis.runtime.errors import InputError
from analysis.serve.notes_files import export_file, forget, import_file


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
    assert forget("cy") == 2
    assert {note.author for note in other.notes(place.sae)} == {"former member"}
    store.engine.dispose()
    other.engine.dispose()


def test_what_cannot_be_read_is_refused(planted_bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        export_file(tmp_path / "missing", tmp_path / "notes.csv")
    with pytest.raises(InputError, match="there is no such file"):
        import_file(planted_bundle.path, tmp_path / "notes.csv", replace=False)
