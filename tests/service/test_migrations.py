"""The migrations and the models agree, and every migration can be undone."""

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from service.database import Database
from service.migrate import alembic_config, check, downgrade, upgrade
from service.models import Model

TABLES = {table.name for table in Model.metadata.sorted_tables}


@pytest.fixture
def bare(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'bare.sqlite3'}")
    yield database
    database.dispose()


def tables(database: Database) -> set[str]:
    return set(inspect(database.engine).get_table_names())


def test_up_down_and_up_again_ends_with_every_table(database):
    assert tables(database) == TABLES | {"alembic_version"}
    downgrade(database)
    assert tables(database) == {"alembic_version"}
    upgrade(database)
    assert tables(database) == TABLES | {"alembic_version"}


def test_models_and_migrations_agree(database):
    check(database)


def test_upgrading_what_is_newest_changes_nothing(database):
    upgrade(database)
    check(database)


def test_a_database_that_was_never_migrated_is_told_from_one_that_was(bare):
    assert tables(bare) == set()
    upgrade(bare)
    check(bare)


def test_the_migrations_form_one_line():
    scripts = ScriptDirectory.from_config(alembic_config())
    assert len(scripts.get_heads()) == 1
    assert len(scripts.get_bases()) == 1
