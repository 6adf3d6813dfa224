"""How Alembic runs a migration: on the connection that it is given, in one transaction."""

from alembic import context

from analysis.notes.note_tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    # True for SQLite too, because `database.py` begins transactions itself.
    transactional_ddl=True,
)
context.run_migrations()
