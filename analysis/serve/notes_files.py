"""Export, import, backup and removal of notes, in the database of the settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.bundle import read_manifest
from analysis.notes.backup import back_up, restore
from analysis.notes.database import open_database
from analysis.notes.interchange import (
    ImportReport,
    import_notes,
    notes_table,
    read_notes,
    write_notes,
)
from analysis.notes.note_store import NoteStore
from analysis.serve.local_user import local_user
from analysis.serve.server_settings import server_settings


@contextmanager
def _store() -> Iterator[NoteStore]:
    engine = open_database(server_settings().notes)
    try:
        yield NoteStore(engine)
    finally:
        engine.dispose()


def export_file(bundle: Path, file: Path) -> int:
    """Write the notes on the SAE of a bundle to a Parquet or CSV file; returns their number.

    Raises InputError if the bundle, the database or the file cannot be used.
    """
    manifest = read_manifest(bundle)
    with _store() as store:
        table = notes_table(store, store.place(manifest).sae)
    write_notes(table, file)
    return int(table.num_rows)


def import_file(bundle: Path, file: Path, *, replace: bool) -> ImportReport:
    """Store the notes of a file on the SAE of a bundle, as the user of this machine.

    Raises InputError if the bundle, the database or the file cannot be used.
    """
    manifest, given = read_manifest(bundle), read_notes(file)
    with _store() as store:
        place = store.place(manifest)
        return import_notes(
            store, place, given, local_user(), latents=manifest.sae.d_sae, replace=replace
        )


def back_up_all(file: Path) -> int:
    """Write all notes with their history to a new file; returns the number of versions."""
    with _store() as store:
        return back_up(store.engine, file)


def restore_all(file: Path) -> int:
    """Fill the empty database of the settings from a backup; returns the number of versions."""
    with _store() as store:
        return restore(file, store.engine)


def forget(author: str) -> int:
    """Replace the name of an author in every version and vote; returns the number of rows."""
    with _store() as store:
        return store.forget(author)
