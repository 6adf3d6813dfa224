"""The first version of the database can be made, removed and made again."""

from alembic import command
from alembic.config import Config
from sqlalchemy import inspect

from analysis.notes.database import MIGRATIONS, open_database, writing

TABLES = {"readings", "subjects", "revisions", "votes", "placements"}


def test_it_can_be_removed_and_made_again(address: str) -> None:
    engine = open_database(address)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    assert set(inspect(engine).get_table_names()) == TABLES | {"alembic_version"}
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert set(inspect(engine).get_table_names()) == {"alembic_version"}
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    assert set(inspect(engine).get_table_names()) == TABLES | {"alembic_version"}
    engine.dispose()
