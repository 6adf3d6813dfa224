"""Writers of notes in processes of their own, and what must be true of what they have stored.

Each edit reads a note and stores it with one more word, so a lost update loses words. A writer
appends a word to a file only after the database has acknowledged it.
"""

import multiprocessing
import os
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread

from analysis.notes.database import NotesUnavailableError, open_database
from analysis.notes.note import EditConflictError, Place
from analysis.notes.note_content import NoteContent
from analysis.notes.note_store import NoteStore
from analysis.notes.subjects import latent_subject
from tests.analysis.notes.postgresql import programs, running_server
from tests.faults.trial import CannotRunError, FaultError

PLACE = Place("a" * 64, "b" * 64, "trial")
LATENTS = 10
PROCESSES = 4


def start_writers(address: str, folder: Path, writers: int, edits: int) -> list[BaseProcess]:
    """Start processes that together run the writers; each writer makes `edits` edits."""
    context = multiprocessing.get_context("spawn")
    processes: list[BaseProcess] = []
    for process in range(PROCESSES):
        numbers = range(process, writers, PROCESSES)
        made = context.Process(target=write, args=(address, folder, list(numbers), edits))
        made.start()
        processes.append(made)
    return processes


def write(address: str, folder: Path, writers: list[int], edits: int) -> None:
    """Run writers in threads of this process, until each has made its edits."""
    engine = open_database(address)
    threads = [
        Thread(target=_edit, args=(NoteStore(engine), folder, writer, edits)) for writer in writers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _edit(store: NoteStore, folder: Path, writer: int, edits: int) -> None:
    draw = random.Random(writer)
    log = os.open(folder / f"{writer}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    number = 0
    while number < edits:
        subject = latent_subject(draw.randrange(LATENTS))
        word = f"{writer}.{number}"
        try:
            now = store.note(PLACE, subject)
            content = NoteContent(text=f"{now.content.text} {word}".strip())
            store.write(PLACE, subject, content, now.version, f"writer {writer}")
        except EditConflictError:
            continue
        except NotesUnavailableError:
            # Whether it was stored is unknown, so the word is not used again.
            number += 1
            continue
        os.write(log, f"{word}\n".encode())
        number += 1


def check_notes(address: str, folder: Path) -> int:
    """Raise FaultError unless every acknowledged word is there once; returns their number."""
    acknowledged = [w for log in sorted(folder.glob("*.log")) for w in log.read_text().split()]
    engine = open_database(address)
    store = NoteStore(engine)
    stored: Counter[str] = Counter()
    for latent in range(LATENTS):
        history = store.history(PLACE, latent_subject(latent))
        if [note.version for note in history] != list(range(1, len(history) + 1)):
            raise FaultError(f"The history of latent {latent} has a gap.")
        for before, after in pairwise(history):
            if after.content.text.split()[:-1] != before.content.text.split():
                raise FaultError(f"Version {after.version} of latent {latent} lost an edit.")
        current = store.note(PLACE, latent_subject(latent))
        if history and current != history[-1]:
            raise FaultError(f"The current note of latent {latent} is not its last version.")
        stored.update(current.content.text.split())
    engine.dispose()
    if lost := [word for word in acknowledged if stored[word] != 1]:
        raise FaultError(f"{len(lost)} of {len(acknowledged)} acknowledged edits are not there.")
    return len(acknowledged)


@contextmanager
def postgresql() -> Iterator[tuple[str, Path]]:
    """The address of a database of a new server, and the folder of the server.

    Raises CannotRunError if PostgreSQL is not installed.
    """
    bin_folder = programs()
    if bin_folder is None:
        raise CannotRunError("PostgreSQL is not installed.")
    # The path of a socket has at most 107 bytes, and the user of the server must reach it.
    with tempfile.TemporaryDirectory(prefix="clearwater-pg-") as folder:
        Path(folder).chmod(0o755)
        place = Path(folder) / "server"
        with running_server(place, bin_folder) as address:
            yield address, place
