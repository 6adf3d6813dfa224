"""The migrations make exactly the tables that the code reads."""

from datetime import UTC, datetime, timedelta, timezone

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select

from analysis.notes.note_store import NoteStore
from analysis.notes.note_tables import metadata, subjects, votes


def test_the_migrations_make_these_tables(store: NoteStore) -> None:
    with store.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_times_are_in_utc(store: NoteStore) -> None:
    given = datetime(2026, 3, 1, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=5)))
    subject = {"id": 1, "sae": "s", "kind": "latent", "key": "1", "members": [1], "version": 0}
    vote = {"subject": 1, "author": "a", "bundle": "b", "value": 1, "label": ""}
    with store.engine.begin() as connection:
        connection.execute(insert(subjects).values(**subject))
        connection.execute(insert(votes).values(**vote, time=given))
        stored = connection.execute(select(votes.c.time)).scalar_one()
    assert stored == given and stored.utcoffset() == timedelta(0)
    assert stored.astimezone(UTC).isoformat() == "2026-02-28T20:02:03.000004+00:00"
