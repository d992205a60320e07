"""The migrations and the models agree, and every migration can be undone."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from service.db import migrate
from service.db.engine import Database
from service.db.migrate import (
    alembic_config,
    check,
    downgrade,
    upgrade,
)
from service.db.tables import Model

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


def test_a_migration_gives_way_to_whoever_holds_a_table_and_tries_again(postgres_url, monkeypatch):
    """Waiting for the whole table it would hold up all who come after it."""
    monkeypatch.setattr(migrate, "LOCK_SECONDS", 0.2)
    monkeypatch.setattr(migrate, "RETRY_SECONDS", 0.1)
    database, tries = Database(postgres_url), []
    others = Database(postgres_url, lock_seconds=2)

    def change(config: Config) -> None:
        tries.append(len(tries))
        config.attributes["connection"].exec_driver_sql("ALTER TABLE step ADD COLUMN later int")

    def migrate_and_undo() -> None:
        migrate.run(database, change)
        migrate.run(
            database,
            lambda config: config.attributes["connection"].exec_driver_sql(
                "ALTER TABLE step DROP COLUMN later"
            ),
        )

    with ThreadPoolExecutor() as pool, others.read() as reader:
        reader.execute(text("SELECT count(*) FROM step"))
        done = pool.submit(migrate_and_undo)
        while len(tries) < 3:
            with others.read() as session:  # nobody waits for the migration's turn
                session.execute(text("SELECT count(*) FROM step"))
        reader.rollback()
        done.result(30)
    assert len(tries) >= 3
    check(database)
    others.dispose()
    database.dispose()


def test_the_migrations_form_one_line():
    scripts = ScriptDirectory.from_config(alembic_config())
    assert len(scripts.get_heads()) == 1
    assert len(scripts.get_bases()) == 1


SESSION = {
    "id": "si_1",
    "token_hash": "0" * 64,
    "key_id": "k1",
    "tenant_id": "default",
    "browser": "Firefox",
    "created_at": "2026-01-01 00:00:00+00:00",
    "last_used_at": "2026-01-02 00:00:00+00:00",
    "expires_at": "2026-01-08 00:00:00+00:00",
}


def _before(revision: str) -> str:
    script = ScriptDirectory.from_config(alembic_config()).get_revision(revision)
    return str(script.down_revision)


def _insert_session(database: Database, table: str) -> None:
    names, values = ", ".join(SESSION), ", ".join(f":{name}" for name in SESSION)
    with database.write() as session:
        session.execute(
            text(
                "INSERT INTO api_key (id, name, role, secret_hash, created_at, tenant_id) "
                "VALUES ('k1', 'Ann', 'annotator', 'x', '2026-01-01 00:00:00+00:00', 'default')"
            )
        )
        session.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), SESSION)


def _sessions(database: Database, table: str) -> list[tuple[str, str, str]]:
    with database.read() as session:
        rows = session.execute(text(f"SELECT id, key_id, browser FROM {table}"))
        return [tuple(row) for row in rows]


def test_sessions_survive_the_renaming_of_their_table(database):
    kept = [("si_1", "k1", "Firefox")]
    downgrade(database, _before("0016"))
    _insert_session(database, "sign_in")
    upgrade(database)
    assert _sessions(database, "browser_session") == kept
    check(database)
    downgrade(database, _before("0016"))
    assert _sessions(database, "sign_in") == kept
    upgrade(database)
    assert _sessions(database, "browser_session") == kept


def test_row_level_security_follows_the_renamed_table(postgres_url):
    database = Database(postgres_url)
    query = text(
        "SELECT relrowsecurity, (SELECT count(*) FROM pg_policy WHERE polrelid = pg_class.oid) "
        "FROM pg_class WHERE relname = 'browser_session'"
    )
    with database.read() as session:
        assert tuple(session.execute(query).one()) == (True, 1)
    database.dispose()
