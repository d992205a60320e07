"""The migrations and the models agree, and every migration can be undone."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select, text

from service.db import migrate
from service.db.engine import Database
from service.db.migrate import (
    alembic_config,
    check,
    downgrade,
    upgrade,
)
from service.db.tables import Audit, Model
from tests.support.factories import make_dataset, start_audit

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
    monkeypatch.setattr(migrate, "PAUSE_SECONDS", 0.1)
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


def test_the_network_fine_tuned_was_called_full(store, database):
    dataset_id = make_dataset(store)
    tuned = {"number": 0, "network": "fine_tuned", "encoder": "timm:a"}
    small = {"number": 0, "network": "mlp", "encoder": ""}
    plans = {
        start_audit(store, dataset_id): ("fine_tuned", {"encoding": "a", "shards": [tuned, tuned]}),
        start_audit(store, dataset_id): ("fine_tuned", None),
        start_audit(store, dataset_id): ("mlp", {"encoding": "b", "shards": [small]}),
    }
    with database.write() as session:
        for audit_id, (network, plan) in plans.items():
            audit = session.get_one(Audit, audit_id)
            audit.config, audit.plan = {**audit.config, "network": network}, plan

    def networks() -> list[tuple[str, list[str] | None]]:
        with database.read() as session:
            rows = session.execute(select(Audit.config, Audit.plan).order_by(Audit.id)).all()
        return [
            (config["network"], plan and [shard["network"] for shard in plan["shards"]])
            for config, plan in rows
        ]

    now = networks()
    assert now == [("fine_tuned", ["fine_tuned"] * 2), ("fine_tuned", None), ("mlp", ["mlp"])]
    downgrade(database, "0015-1")
    assert networks() == [("full", ["full"] * 2), ("full", None), ("mlp", ["mlp"])]
    upgrade(database)
    assert networks() == now


def test_the_migrations_form_one_line():
    scripts = ScriptDirectory.from_config(alembic_config())
    assert len(scripts.get_heads()) == 1
    assert len(scripts.get_bases()) == 1
