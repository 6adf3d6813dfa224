"""Notes on real databases: versions, conflicts, history, votes, and many writers at once."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import text

from analysis.bundle import Bundle, Manifest
from analysis.notes.note import EditConflictError, Place
from analysis.notes.note_content import NoteContent, note_content
from analysis.notes.note_store import NoteStore
from analysis.notes.note_tables import revisions
from analysis.notes.subjects import (
    ClusterOrigin,
    cluster_subject,
    latent_subject,
    new_collection,
    pair_subject,
)
from analysis.runtime.errors import InputError
from tests.analysis.notes.conftest import PLACE

LATENT = latent_subject(12)
WRITERS, EDITS = 4, 15
ODD = "<script>alert(1)</script> **a** $x$ :red[b] \u202eRTL שלום 'quoted' \"; DROP TABLE notes; 💧"


def test_a_note_is_read_back_as_it_was_written(store: NoteStore) -> None:
    assert store.note(PLACE, LATENT).version == 0
    assert store.note(PLACE, LATENT).content.is_empty
    content = note_content("days", ["week", "time"], ODD, "checked")
    written = store.write(PLACE, LATENT, content, 0, "ada@example.org")
    stored = store.note(PLACE, LATENT)
    assert stored == written
    assert (stored.content, stored.version, stored.author) == (content, 1, "ada@example.org")
    assert (stored.bundle, stored.reading, stored.action) == ("first", "b" * 64, "edit")
    assert stored.time is not None
    assert timedelta(0) <= datetime.now(UTC) - stored.time < timedelta(minutes=1)


def test_subjects_and_saes_are_kept_apart(store: NoteStore) -> None:
    origin = ClusterOrigin("first", 5, "cooccurrence")
    kinds = [LATENT, pair_subject(1, 12), cluster_subject([12]), new_collection([12])]
    kinds.append(cluster_subject([12, 13], origin))
    for number, subject in enumerate(kinds):
        store.write(PLACE, subject, note_content(name=f"n{number}"), 0, "ada")
    other = replace(PLACE, sae="c" * 64)
    store.write(other, LATENT, note_content(name="other"), 0, "ada")
    assert [note.subject for note in store.notes(PLACE.sae)] == kinds
    assert store.notes(PLACE.sae)[-1].subject.origin == origin
    assert [note.content.name for note in store.notes(other.sae)] == ["other"]


def test_the_second_of_two_editors_gets_both_versions(store: NoteStore) -> None:
    store.write(PLACE, LATENT, note_content(text="first"), 0, "ada")
    store.write(PLACE, LATENT, note_content(text="ada's"), 1, "ada")
    with pytest.raises(
        EditConflictError, match="ada has changed this note since you opened"
    ) as caught:
        store.write(PLACE, LATENT, note_content(text="bob's"), 1, "bob")
    assert caught.value.stored.content.text == "ada's" and caught.value.stored.version == 2
    assert caught.value.given.text == "bob's"
    assert [note.content.text for note in store.history(PLACE, LATENT)] == ["first", "ada's"]
    merged = store.write(PLACE, LATENT, note_content(text="both"), 2, "bob")
    assert merged.version == 3


def test_a_version_that_does_not_exist_yet_is_a_conflict(store: NoteStore) -> None:
    with pytest.raises(EditConflictError):
        store.write(PLACE, LATENT, note_content(text="a"), 1, "ada")
    assert store.history(PLACE, LATENT) == []


def test_undo_appends_and_can_be_undone(store: NoteStore) -> None:
    for number in range(3):
        store.write(PLACE, LATENT, note_content(text=str(number)), number, "ada")
    undone = store.restore(PLACE, LATENT, 2, 3, "bob")
    assert (undone.content.text, undone.version, undone.action) == ("1", 4, "undo")
    assert store.restore(PLACE, LATENT, 3, 4, "bob").content.text == "2"
    assert store.restore(PLACE, LATENT, 1, 5, "ada").content.text == "0"
    texts = [note.content.text for note in store.history(PLACE, LATENT)]
    assert texts == ["0", "1", "2", "1", "2", "0"]
    with pytest.raises(EditConflictError):
        store.restore(PLACE, LATENT, 4, 5, "bob")
    with pytest.raises(InputError, match="has no version 9"):
        store.restore(PLACE, LATENT, 9, 6, "bob")


def test_undoing_the_first_version_leaves_no_note(store: NoteStore) -> None:
    store.write(PLACE, LATENT, note_content(text="a"), 0, "ada")
    assert store.restore(PLACE, LATENT, 0, 1, "ada").content == NoteContent()
    assert store.notes(PLACE.sae) == []
    assert len(store.history(PLACE, LATENT)) == 2


def test_collections_have_different_names(store: NoteStore) -> None:
    first, second = new_collection([1, 2]), new_collection([3])
    with pytest.raises(InputError, match="needs a name"):
        store.write(PLACE, first, note_content(text="no name"), 0, "ada")
    with pytest.raises(InputError, match="needs a name"):
        store.write(PLACE, first, NoteContent(), 0, "ada")
    store.write(PLACE, first, note_content(name="days"), 0, "ada")
    with pytest.raises(InputError, match="already a collection 'days'; choose another name"):
        store.write(PLACE, second, note_content(name="days"), 0, "bob")
    store.write(replace(PLACE, sae="c" * 64), second, note_content(name="days"), 0, "bob")
    store.write(PLACE, first, note_content(name="months"), 1, "ada")
    store.write(PLACE, second, note_content(name="days"), 0, "bob")
    with pytest.raises(InputError, match="already a collection"):
        store.restore(PLACE, first, 1, 2, "ada")
    store.write(PLACE, second, NoteContent(), 1, "bob")
    assert store.restore(PLACE, first, 1, 2, "ada").content.name == "days"
    store.write(PLACE, first, NoteContent(), 3, "ada")  # of two that are removed, none has a name
    assert store.notes(PLACE.sae) == []


def test_the_last_vote_of_each_reader_counts(store: NoteStore) -> None:
    store.vote(PLACE, LATENT, 1, "days", "ada")
    store.vote(PLACE, LATENT, -1, "days", "bob")
    store.vote(PLACE, LATENT, 1, "days", "Cy")
    store.vote(PLACE, LATENT, 0, "days", "Cy")
    store.vote(PLACE, latent_subject(13), 1, "other", "ada")
    store.vote(replace(PLACE, sae="c" * 64), LATENT, 1, "of another SAE", "ada")
    assert [(v.author, v.value) for v in store.votes(PLACE, LATENT)] == [("ada", 1), ("bob", -1)]
    store.vote(PLACE, LATENT, -1, "weeks", "ada")
    store.vote(PLACE, LATENT, 0, "days", "bob")
    (vote,) = store.votes(PLACE, LATENT)
    assert (vote.author, vote.value, vote.label) == ("ada", -1, "weeks")
    every = sorted((subject.key, vote.label) for subject, vote in store.all_votes(PLACE.sae))
    assert every == [("12", "weeks"), ("13", "other")]
    assert store.note(PLACE, LATENT).version == 0
    store.vote(PLACE, LATENT, 1, "x" * 1001, "dee")
    store.vote(PLACE, latent_subject(13), -1, "other", "dee")
    own = [
        (s.key, v.value, len(v.label)) for s, v in store.all_votes(PLACE.sae) if v.author == "dee"
    ]
    assert sorted(own) == [("12", 1, 1000), ("13", -1, 5)]
    with pytest.raises(InputError, match="not 2"):
        store.vote(PLACE, LATENT, 2, "days", "ada")


def test_the_stamp_changes_with_every_write(store: NoteStore) -> None:
    stamps = [store.stamp()]
    store.write(PLACE, LATENT, note_content(text="a"), 0, "ada")
    stamps.append(store.stamp())
    store.vote(PLACE, LATENT, 1, "days", "ada")
    stamps.append(store.stamp())
    store.put(PLACE, cluster_subject([1, 2]), 4, "ada")
    stamps.append(store.stamp())
    assert len(set(stamps)) == 4
    store.note(PLACE, LATENT)
    assert store.stamp() == stamps[-1]


def test_where_readers_put_the_note_of_a_cluster(store: NoteStore) -> None:
    first, second = cluster_subject([1, 2]), cluster_subject([3, 4])
    store.put(PLACE, first, 4, "ada")
    store.put(PLACE, second, 5, "ada")
    store.put(PLACE, first, None, "bob")
    store.put(replace(PLACE, bundle="second"), first, 9, "bob")
    assert store.put_on(PLACE) == {first.key: None, second.key: 5}
    other = replace(PLACE, sae="c" * 64)  # of another SAE in a bundle with the same id
    store.put(other, first, 6, "ada")
    assert store.put_on(PLACE) == {first.key: None, second.key: 5}
    assert store.put_on(other) == {first.key: 6}


@pytest.mark.parametrize("author", ["", " ", "\0", "a" * 321])
def test_an_author_has_a_name(sqlite_store: NoteStore, author: str) -> None:
    with pytest.raises(InputError, match="name of an author"):
        sqlite_store.write(PLACE, LATENT, note_content(text="a"), 0, author)
    assert sqlite_store.history(PLACE, LATENT) == []


def test_a_former_member_is_forgotten_everywhere(store: NoteStore) -> None:
    store.write(PLACE, LATENT, note_content(text="a"), 0, "ada")
    store.write(PLACE, LATENT, note_content(text="b"), 1, "bob")
    store.vote(PLACE, LATENT, 1, "days", "ada")
    store.put(PLACE, cluster_subject([1, 2]), 4, "ada")
    assert store.forget("ada") == 3
    assert store.forget("ada") == 0
    assert [note.author for note in store.history(PLACE, LATENT)] == ["former member", "bob"]
    assert [vote.author for vote in store.votes(PLACE, LATENT)] == ["former member"]
    assert [note.content.text for note in store.history(PLACE, LATENT)] == ["a", "b"]


def _manifest(bundle: Bundle, name: str, decoder: str, reading: str) -> Manifest:
    hashes = {"decoder_hash": decoder, "content_hash": reading}
    sae = bundle.manifest.sae.model_copy(update=hashes)
    return bundle.manifest.model_copy(update={"bundle_id": name, "sae": sae})


def test_notes_follow_the_decoder_matrix(store: NoteStore, planted_bundle: Bundle) -> None:
    first = store.place(_manifest(planted_bundle, "one", "d" * 64, "1" * 64))
    second = store.place(_manifest(planted_bundle, "two", "d" * 64, "2" * 64))
    other = store.place(_manifest(planted_bundle, "three", "e" * 64, "3" * 64))
    assert first == Place("d" * 64, "1" * 64, "one")
    store.write(first, LATENT, note_content(text="a"), 0, "ada")
    assert store.note(second, LATENT).content.text == "a"
    assert store.note(second, LATENT).reading != second.reading
    assert store.note(other, LATENT).version == 0


def test_notes_of_a_bundle_without_the_hash_are_adopted(
    store: NoteStore, planted_bundle: Bundle
) -> None:
    old = store.place(_manifest(planted_bundle, "old", "", "1" * 64))
    store.write(old, LATENT, note_content(text="early"), 0, "ada")
    store.write(old, latent_subject(13), note_content(text="hers"), 0, "ada")
    days, also_days = new_collection([1]), new_collection([2])
    store.write(old, days, note_content(name="days"), 0, "ada")
    other = store.place(_manifest(planted_bundle, "other", "d" * 64, "2" * 64))
    store.write(other, also_days, note_content(name="days"), 0, "bob")
    store.write(other, latent_subject(13), note_content(text="his"), 0, "bob")
    new = store.place(_manifest(planted_bundle, "new", "d" * 64, "1" * 64))
    assert store.note(new, LATENT).content.text == "early"
    assert store.note(new, latent_subject(13)).content.text == "his"
    again = store.place(_manifest(planted_bundle, "old", "", "1" * 64))
    assert again.sae == new.sae == "d" * 64
    assert [note.content.text for note in store.notes(old.sae)] == ["hers", ""]
    collections = [note.subject for note in store.notes(new.sae) if note.content.name == "days"]
    assert collections == [also_days]  # two of one SAE cannot have the same name


def _edit(store: NoteStore, writer: int) -> tuple[list[str], int]:
    """The texts that this writer has stored, and the number of conflicts on the way."""
    rng = random.Random(writer)
    written, conflicts = [], 0
    for number in range(EDITS):
        subject = latent_subject(rng.randrange(3))
        while True:
            now = store.note(PLACE, subject)
            content = note_content(text=f"{now.content.text} {writer}.{number}")
            try:
                store.write(PLACE, subject, content, now.version, f"writer {writer}")
            except EditConflictError:
                conflicts += 1
            else:
                written.append(f"{writer}.{number}")
                break
    return written, conflicts


def test_writers_at_once_lose_nothing(store: NoteStore) -> None:
    """Each edit adds a word to the words that it has read: a lost update would lose words."""
    with ThreadPoolExecutor(WRITERS) as pool:
        outcomes = list(pool.map(lambda writer: _edit(store, writer), range(WRITERS)))
    every = [word for written, _ in outcomes for word in written]
    assert len(every) == WRITERS * EDITS
    stored = [word for note in store.notes(PLACE.sae) for word in note.content.text.split()]
    assert Counter(stored) == Counter(every)
    histories = [store.history(PLACE, latent_subject(latent)) for latent in range(3)]
    assert sum(map(len, histories)) == WRITERS * EDITS
    for history in histories:
        assert [note.version for note in history] == list(range(1, len(history) + 1))
        for before, after in pairwise(history):
            assert after.content.text.startswith(before.content.text + " ")


def test_the_database_refuses_a_second_revision_of_a_version(store: NoteStore) -> None:
    store.write(PLACE, LATENT, note_content(text="a"), 0, "ada")
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE subjects SET version = 0"))
    with pytest.raises(Exception, match=r"(?i)unique"), store.engine.begin() as connection:
        names = ", ".join(column.name for column in revisions.columns if column.name != "id")
        connection.execute(text(f"INSERT INTO revisions ({names}) SELECT {names} FROM revisions"))
