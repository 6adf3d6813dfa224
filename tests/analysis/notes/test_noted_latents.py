"""Which latents have which notes, against the list of what was written."""

import numpy as np
import pytest

from analysis.notes.note_content import note_content
from analysis.notes.note_store import NoteStore
from analysis.notes.noted_latents import NotedLatents, noted_latents
from analysis.notes.subjects import cluster_subject, latent_subject, new_collection, pair_subject
from tests.analysis.notes.conftest import PLACE

TOTAL = 20


@pytest.fixture
def noted(sqlite_store: NoteStore) -> NotedLatents:
    notes = {
        7: note_content("Days", ["time", "week"], "Fires on MONDAY", "checked"),
        3: note_content("", ["time"], "a list\nof months", "open"),
        11: note_content("odd", [], "", "unclear"),
        99: note_content("beyond", ["time"], "monday", "checked"),
    }
    for latent, content in notes.items():
        sqlite_store.write(PLACE, latent_subject(latent), content, 0, "ada")
    sqlite_store.write(PLACE, new_collection([1, 2, 40]), note_content("Suspects"), 0, "ada")
    sqlite_store.write(PLACE, new_collection([5]), note_content("other"), 0, "ada")
    sqlite_store.write(PLACE, pair_subject(14, 15), note_content("time", ["time"]), 0, "ada")
    sqlite_store.write(PLACE, cluster_subject([16]), note_content("time", ["time"]), 0, "ada")
    for latent in (4, 7, 98):
        sqlite_store.vote(PLACE, latent_subject(latent), -1, "label", "ada")
    sqlite_store.vote(PLACE, latent_subject(6), 1, "label", "ada")
    sqlite_store.vote(PLACE, latent_subject(6), 0, "label", "ada")
    sqlite_store.vote(PLACE, pair_subject(17, 18), 1, "label", "ada")
    return noted_latents(sqlite_store, PLACE.sae)


def ids(mask: np.ndarray) -> list[int]:
    assert mask.shape == (TOTAL,)
    return np.flatnonzero(mask).tolist()


def test_by_tag(noted: NotedLatents) -> None:
    assert ids(noted.with_tags(["time"], TOTAL)) == [3, 7]
    assert ids(noted.with_tags(["week", "none"], TOTAL)) == [7]
    assert ids(noted.with_tags(["wee"], TOTAL)) == []
    assert noted.tags() == ["time", "week"]


def test_by_status(noted: NotedLatents) -> None:
    assert ids(noted.with_status(["checked"], TOTAL)) == [7]
    assert ids(noted.with_status(["open", "unclear"], TOTAL)) == [3, 11]
    unseen = sorted(set(range(TOTAL)) - {3, 4, 7, 11})
    assert ids(noted.with_status(["none"], TOTAL)) == unseen
    assert ids(noted.with_status(["none", "checked"], TOTAL)) == sorted([*unseen, 7])


def test_by_text(noted: NotedLatents) -> None:
    assert ids(noted.containing("monday", TOTAL)) == [7]
    assert ids(noted.containing("DAY", TOTAL)) == [7]
    assert ids(noted.containing("list\nof", TOTAL)) == [3]
    assert ids(noted.containing("od", TOTAL)) == [11]
    assert ids(noted.containing("", TOTAL)) == [3, 7, 11]


def test_by_collection(noted: NotedLatents) -> None:
    assert ids(noted.in_collections(["suspects"], TOTAL)) == [1, 2]
    assert ids(noted.in_collections(["Suspects", "OTHER"], TOTAL)) == [1, 2, 5]
    assert ids(noted.in_collections(["Suspect"], TOTAL)) == []


def test_looked_at(noted: NotedLatents) -> None:
    assert ids(noted.looked_at(TOTAL)) == [3, 4, 7, 11]
    assert [note.subject.members[0] for note in noted.notes] == [3, 7, 11, 99]
    assert ids(NotedLatents().looked_at(TOTAL)) == []
