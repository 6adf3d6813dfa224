"""Rows of the database inside a transaction."""

import pytest
from sqlalchemy import func, select

from analysis.notes.database import reading, writing
from analysis.notes.note_rows import checked_author, insert_new, made_subject, subject_id
from analysis.notes.note_store import NoteStore
from analysis.notes.note_tables import readings, subjects
from analysis.notes.subjects import cluster_subject, latent_subject
from analysis.runtime.errors import InputError


def test_a_subject_is_made_once(store: NoteStore) -> None:
    with writing(store.engine) as connection:
        assert subject_id(connection, "s", latent_subject(1)) is None
        first = made_subject(connection, "s", latent_subject(1))
        assert made_subject(connection, "s", latent_subject(1)) == first
        assert made_subject(connection, "s", cluster_subject([1])) != first
        assert made_subject(connection, "t", latent_subject(1)) != first
    with reading(store.engine) as connection:
        assert subject_id(connection, "s", latent_subject(1)) == first
        assert connection.execute(select(func.count()).select_from(subjects)).scalar() == 3


def test_a_row_that_exists_is_kept(store: NoteStore) -> None:
    with writing(store.engine) as connection:
        insert_new(connection, readings, reading="r", sae="first")
        insert_new(connection, readings, reading="r", sae="second")
        assert connection.execute(select(readings.c.sae)).scalars().all() == ["first"]


def test_an_author_is_cleaned() -> None:
    assert checked_author(" ada\0@example.org ") == "ada@example.org"
    assert len(checked_author("a" * 320)) == 320
    with pytest.raises(InputError, match="1 to 320 characters, not 321"):
        checked_author("a" * 321)
