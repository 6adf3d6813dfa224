"""Alembic runs on the connection of the caller, in its transaction."""

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, event, inspect

from analysis.notes.database import MIGRATIONS


def test_an_exception_after_a_migration_undoes_it(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'notes.sqlite'}")
    event.listen(engine, "connect", lambda one, _: setattr(one, "isolation_level", None))
    event.listen(engine, "begin", lambda one: one.exec_driver_sql("BEGIN IMMEDIATE"))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    with pytest.raises(ZeroDivisionError), engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        assert "revisions" in inspect(connection).get_table_names()
        _ = 1 / 0
    assert inspect(engine).get_table_names() == []
    engine.dispose()
