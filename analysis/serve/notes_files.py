"""Export, import, backup and removal of notes, in the database of the settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.engine import make_url

from analysis.bundle import read_manifest
from analysis.notes.backup import Copied, back_up, check_leftovers, restore
from analysis.notes.database import open_database
from analysis.notes.interchange import (
    ImportReport,
    import_notes,
    notes_table,
    read_notes,
    read_votes,
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


class Written(NamedTuple):
    """What an export has written."""

    notes: int
    votes: int


def export_file(bundle: Path, file: Path) -> Written:
    """Write the notes and votes on the SAE of a bundle to a Parquet or CSV file.

    Raises InputError if the bundle, the database or the file cannot be used.
    """
    manifest = read_manifest(bundle)
    with _store() as store:
        table = notes_table(store, store.place(manifest).sae)
    write_notes(table, file)
    rows = table.select(["version", "votes"]).to_pylist()
    return Written(sum(row["version"] > 0 for row in rows), sum(len(row["votes"]) for row in rows))


def import_file(bundle: Path, file: Path, *, replace: bool) -> ImportReport:
    """Store the notes of a file on the SAE of a bundle, as the user of this machine.

    Raises InputError if the bundle, the database or the file cannot be used.
    """
    manifest, given = read_manifest(bundle), read_notes(file)
    votes = read_votes(file)
    with _store() as store:
        place = store.place(manifest)
        return import_notes(
            store,
            place,
            given,
            local_user(),
            latents=manifest.sae.d_sae,
            replace=replace,
            votes=votes,
        )


def back_up_all(file: Path) -> Copied:
    """Write all notes with their history and all votes to a new file."""
    with _store() as store:
        return back_up(store.engine, file)


def restore_all(file: Path) -> Copied:
    """Fill the empty database of the settings from a backup."""
    url = make_url(server_settings().notes)
    if url.get_backend_name() == "sqlite" and url.database:
        check_leftovers(Path(url.database))
    with _store() as store:
        return restore(file, store.engine)


def forget(author: str) -> int:
    """Replace the name of an author in every version and vote; returns the number of rows."""
    with _store() as store:
        return store.forget(author)
