"""The colour of a map by the notes of readers: latents by status or by tag, as a text.

`checked=3,14;open=7` is two checked latents and an open one. An exported map holds this text, so it
can be made again without the database and after the notes have changed.
"""

import hashlib

import numpy as np

from analysis.notes.note_content import STATUSES
from analysis.notes.noted_latents import NotedLatents
from analysis.runtime.arrays import Ints
from analysis.runtime.errors import InputError
from charts.core.theme import CLUSTER_COLOURS

NOTE_STATUS = "note_status"
NOTE_TAG = "note_tag"
NOTE_COLOURS = (NOTE_STATUS, NOTE_TAG)
STATUS_COLOURS = {
    "open": CLUSTER_COLOURS[0],
    "checked": CLUSTER_COLOURS[2],
    "unclear": CLUSTER_COLOURS[6],
}
"""Blue, green and orange, as the badges of notes."""


def notes_text(name: str, noted: NotedLatents) -> str:
    """The latents with a note by its status, or by the most frequent of its tags.

    The most frequent tag comes first, and statuses have the order of `STATUSES`.
    """
    by_status = name == NOTE_STATUS
    order: list[str] = list(STATUSES) if by_status else noted.tags()
    places = {word: place for place, word in enumerate(order)}
    latents: dict[str, list[str]] = {word: [] for word in order}
    for note in noted.notes:
        words: tuple[str, ...] = (note.content.status,) if by_status else note.content.tags
        if words:
            latents[min(words, key=places.__getitem__)].append(str(note.subject.members[0]))
    return ";".join(f"{word}={','.join(ids)}" for word, ids in latents.items() if ids)


def noted_codes(text: str, total: int) -> tuple[tuple[str, ...], Ints]:
    """The words of a `notes_text`, and the place of its word for each latent [total], from 1.

    Latents that the bundle does not have are left out. Raises InputError for another text.
    """
    codes = np.zeros(total, dtype=np.int64)
    words = []
    for part in filter(None, text.split(";")):
        word, _, listed = part.partition("=")
        ids = listed.split(",")
        if not all(one.isascii() and one.isdecimal() and len(one) < 11 for one in ids):
            raise InputError(
                "Map: the notes have words with latents, such as checked=3,14; colour by another "
                "column."
            )
        words.append(word)
        latents = np.array([int(one) for one in ids], dtype=np.int64)
        codes[latents[latents < total]] = len(words)
    return tuple(words), codes


def colours_of(name: str, words: tuple[str, ...]) -> list[str]:
    """The colour of each word; a status always has the same one."""
    if name == NOTE_STATUS:
        return [STATUS_COLOURS.get(word, CLUSTER_COLOURS[-1]) for word in words]
    return [CLUSTER_COLOURS[i % len(CLUSTER_COLOURS)] for i in range(len(words))]


def digest_of(text: str) -> str:
    """Tells texts apart in the address of a column, which browsers keep."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
