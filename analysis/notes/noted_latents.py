"""The notes of an SAE by latent: what selections ask and maps are coloured by.

A note on a pair or a cluster belongs to none of its latents. A vote counts as having looked.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from analysis.notes.note import Note
from analysis.runtime.arrays import Bools

if TYPE_CHECKING:
    from analysis.notes.note_store import NoteStore


@dataclass(frozen=True)
class NotedLatents:
    """The current notes on latents, and the collections."""

    notes: tuple[Note, ...] = ()
    """On latents, by ascending id."""
    collections: tuple[Note, ...] = ()
    voted: frozenset[int] = field(default_factory=frozenset)
    """Latents with a vote on their label."""

    def with_tags(self, tags: Iterable[str], total: int) -> Bools:
        """Latents [total] with any of the tags."""
        wanted = set(tags)
        return self._mask((n for n in self.notes if wanted & set(n.content.tags)), total)

    def with_status(self, statuses: Iterable[str], total: int) -> Bools:
        """Latents [total] whose note has any of the statuses; none: without note and vote."""
        wanted = set(statuses)
        mask = self._mask((n for n in self.notes if n.content.status in wanted), total)
        return mask | ~self.looked_at(total) if "none" in wanted else mask

    def containing(self, text: str, total: int) -> Bools:
        """Latents [total] whose note has the text in its name or text, in upper or lower case."""
        wanted = text.casefold()
        return self._mask(
            (
                note
                for note in self.notes
                if wanted in f"{note.content.name}\n{note.content.text}".casefold()
            ),
            total,
        )

    def in_collections(self, names: Iterable[str], total: int) -> Bools:
        """Latents [total] of any of the collections, by name in upper or lower case."""
        wanted = {name.casefold() for name in names}
        return self._mask(
            (note for note in self.collections if note.content.name.casefold() in wanted), total
        )

    def looked_at(self, total: int) -> Bools:
        """Latents [total] with a note or a vote."""
        mask = self._mask(self.notes, total)
        mask[[latent for latent in self.voted if latent < total]] = True
        return mask

    def tags(self) -> list[str]:
        """All tags, the most frequent one first."""
        times = Counter(tag for note in self.notes for tag in note.content.tags)
        return sorted(times, key=lambda tag: (-times[tag], tag))

    def _mask(self, notes: Iterable[Note], total: int) -> Bools:
        mask = np.zeros(total, dtype=bool)
        ids = np.array([i for note in notes for i in note.subject.members], dtype=np.int64)
        mask[ids[ids < total]] = True
        return mask


def noted_latents(store: "NoteStore", sae: str) -> NotedLatents:
    """The notes of an SAE as they are now. Raises NotesUnavailableError."""
    every = store.notes(sae)
    on_latents = [note for note in every if note.subject.kind == "latent"]
    return NotedLatents(
        tuple(sorted(on_latents, key=lambda note: note.subject.members)),
        tuple(note for note in every if note.subject.kind == "collection"),
        frozenset(
            subject.members[0] for subject, _ in store.all_votes(sae) if subject.kind == "latent"
        ),
    )
