"""Votes in a file of notes: each keeps its author, value and label.

A vote counts for the reader who gave it, so an import keeps the authors of the file. It replaces no
stored vote of the same reader on the same subject unless that is requested.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import pyarrow as pa

from analysis.notes.note import Place, Vote
from analysis.notes.note_content import cleaned
from analysis.notes.note_rows import checked_author
from analysis.notes.note_store import LONGEST_LABEL, NoteStore
from analysis.notes.subjects import Subject
from analysis.runtime.errors import InputError

VOTES = pa.list_(
    pa.struct([("author", pa.string()), ("value", pa.int32()), ("label", pa.string())])
)
"""The type of the column of votes: 1 for a label that fits, -1 for one that does not."""


class GivenVote(NamedTuple):
    """The vote of a reader in a file."""

    author: str
    value: int
    label: str


def vote_cells(votes: Iterable[Vote]) -> list[dict[str, Any]]:
    """The votes on one subject as they are stored in a file, by author."""
    given = (GivenVote(vote.author, vote.value, vote.label) for vote in votes)
    return [vote._asdict() for vote in sorted(given)]


def votes_of_cell(cell: object) -> list[GivenVote]:
    """The votes that a cell of a file holds. Raises InputError if it holds something else."""
    if cell is None:
        return []
    if not isinstance(cell, list) or not all(isinstance(one, dict) for one in cell):
        raise InputError("votes is not a list of votes; export the notes again.")
    votes = []
    for one in cell:
        author, value, label = one.get("author"), one.get("value"), one.get("label") or ""
        if not isinstance(author, str) or not isinstance(label, str):
            raise InputError("a vote has an author and a label; export the notes again.")
        if isinstance(value, bool) or value not in (-1, 1):
            raise InputError(f"a vote is 1 or -1, not {str(value)[:40]!r}.")
        votes.append(GivenVote(checked_author(author), int(value), cleaned(label)[:LONGEST_LABEL]))
    return votes


def import_votes(
    store: NoteStore,
    place: Place,
    given: Iterable[tuple[Subject, GivenVote]],
    *,
    replace: bool = False,
) -> int:
    """Store votes of a file in the SAE of a place; returns how many were stored."""
    stored = {
        (subject.kind, subject.key, vote.author): GivenVote(vote.author, vote.value, vote.label)
        for subject, vote in store.all_votes(place.sae)
    }
    written = 0
    for subject, vote in given:
        name = (subject.kind, subject.key, vote.author)
        if name in stored and (stored[name] == vote or not replace):
            continue
        store.vote(place, subject, vote.value, vote.label, vote.author)
        stored[name] = vote
        written += 1
    return written
