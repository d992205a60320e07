"""The migrations and the models agree, and every migration can be undone."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import insert, inspect, select, text
from sqlalchemy.exc import IntegrityError

from service.accounts import tenants
from service.db import migrate
from service.db.engine import Database
from service.db.migrate import (
    alembic_config,
    check,
    downgrade,
    upgrade,
)
from service.db.tables import (
    ApiKey,
    Audit,
    AuditEvent,
    BrowserSession,
    Dataset,
    Membership,
    Model,
    Tenant,
    now,
)
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
    monkeypatch.setattr(migrate, "RETRY_SECONDS", 0.1)
    database, tries = Database(postgres_url), []
    others = Database(postgres_url, lock_seconds=2)

    def change(config: Config) -> None:
        tries.append(len(tries))
        config.attributes["connection"].exec_driver_sql("ALTER TABLE job ADD COLUMN later int")

    def migrate_and_undo() -> None:
        migrate.run(database, change)
        migrate.run(
            database,
            lambda config: config.attributes["connection"].exec_driver_sql(
                "ALTER TABLE job DROP COLUMN later"
            ),
        )

    with ThreadPoolExecutor() as pool, others.read() as reader:
        reader.execute(text("SELECT count(*) FROM job"))
        done = pool.submit(migrate_and_undo)
        while len(tries) < 3:
            with others.read() as session:  # nobody waits for the migration's turn
                session.execute(text("SELECT count(*) FROM job"))
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
    downgrade(database, "0014-1")
    assert networks() == [("full", ["full"] * 2), ("full", None), ("mlp", ["mlp"])]
    upgrade(database)
    assert networks() == now


def test_the_migrations_form_one_line():
    scripts = ScriptDirectory.from_config(alembic_config())
    assert len(scripts.get_heads()) == 1
    assert len(scripts.get_bases()) == 1


STEPS = (  # kind, shard, state: what each was called before jobs had that name
    ("ingest", 0, "done"),
    ("encode", 0, "failed"),
    ("train", 3, "running"),
    ("rank", 0, "ready"),
    ("model", 0, "done"),
    ("predict", 7, "cancelled"),
    ("export", 0, "ready"),
)
JOBS = [  # type, number, status
    ("ingest", 0, "completed"),
    ("encode", 0, "failed"),
    ("train", 3, "running"),
    ("rank", 0, "queued"),
    ("classifier", 0, "completed"),
    ("predict", 7, "cancelled"),
    ("export", 0, "queued"),
]
ADD_DATASET = """
    INSERT INTO dataset (id, tenant_id, name, filename, status, bytes, sha256, version,
                         sample_count, labeled_count, class_names, warnings, created_by, created_at)
    VALUES ('ds_1', 'default', '', '', 'ready', 0, '', 0, 0, 0, '[]', '[]', '', '2026-01-01')
"""
ADD_AUDIT = """
    INSERT INTO audit (id, tenant_id, dataset_id, dataset_version, status, config, remaining,
                       last_event, created_by, created_at)
    VALUES ('au_1', 'default', 'ds_1', 0, 'running', '{}', 1, 2, '', '2026-01-01')
"""
ADD_EVENT = """
    INSERT INTO audit_event (audit_id, seq, at, data)
    VALUES ('au_1', :seq, '2026-01-01', :data)
"""
ADD_STEP = """
    INSERT INTO step (subject_id, kind, shard, state, queue, attempt, fence, ready_at, progress,
                      owner, created_at)
    VALUES ('au_1', :kind, :shard, :state, 'gpu', 2, 5, 0, 0.25, 'somebody', :at)
"""


def rows(database: Database, query: str) -> list[tuple[object, ...]]:
    with database.read() as session:
        return [tuple(row) for row in session.execute(text(query))]


def test_steps_become_jobs_and_steps_again_with_all_they_hold(database):
    downgrade(database, "0012")
    with database.write() as session:
        session.execute(text(ADD_DATASET))
        session.execute(text(ADD_AUDIT))
        for seq, step in enumerate(("null", '"train"'), start=1):
            data = f'{{"status": "running", "step": {step}, "progress": 0.5}}'
            session.execute(text(ADD_EVENT), {"seq": seq, "data": data})
        for day, (kind, shard, state) in enumerate(STEPS, start=1):
            values = {"kind": kind, "shard": shard, "state": state, "at": f"2026-01-0{day}"}
            session.execute(text(ADD_STEP), values)
    before = rows(database, "SELECT * FROM step ORDER BY created_at")
    upgrade(database)
    check(database)
    names = {column["name"] for column in inspect(database.engine).get_columns("job")}
    assert {"type", "number", "status"} <= names
    key = inspect(database.engine).get_pk_constraint("job")
    assert (key["name"], key["constrained_columns"]) == (
        "job_pk",
        ["subject_id", "type", "number"],
    )
    assert rows(database, "SELECT type, number, status FROM job ORDER BY created_at") == JOBS
    same = "SELECT DISTINCT subject_id, queue, attempt, fence, progress, owner FROM job"
    assert rows(database, same) == [("au_1", "gpu", 2, 5, 0.25, "somebody")]
    with database.read() as session:
        events = [event.data for event in session.query(AuditEvent).order_by(AuditEvent.seq)]
    assert events == [
        {"status": "running", "job": None, "progress": 0.5},
        {"status": "running", "job": "train", "progress": 0.5},
    ]
    for column, value in (("type", "model"), ("status", "ready")):
        with pytest.raises(IntegrityError), database.write() as session:
            session.execute(text(f"UPDATE job SET {column} = '{value}' WHERE type = 'rank'"))
    downgrade(database, "0012")
    assert rows(database, "SELECT * FROM step ORDER BY created_at") == before
    with database.read() as session:
        events = [event.data for event in session.query(AuditEvent).order_by(AuditEvent.seq)]
    assert [event["step"] for event in events] == [None, "train"]
    for column, value in (("kind", "classifier"), ("state", "queued")):
        with pytest.raises(IntegrityError), database.write() as session:
            session.execute(text(f"UPDATE step SET {column} = '{value}' WHERE kind = 'rank'"))
    upgrade(database)
    check(database)


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
    downgrade(database, _before("0015"))
    _insert_session(database, "sign_in")
    upgrade(database)
    assert _sessions(database, "browser_session") == kept
    check(database)
    downgrade(database, _before("0015"))
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


def test_operators_leave_the_organisation_that_they_were_of(store, database):
    dataset_id = make_dataset(store)
    keys = {
        "a": ("operator", None),
        "b": ("admin", ["admin", "tenants"]),
        "c": ("viewer", ["metrics"]),
        "d": ("admin", None),
        "e": ("operator", ["review:read"]),
    }
    with database.write() as session:
        # the table, not the class: later columns are not there yet
        session.execute(
            insert(Model.metadata.tables[ApiKey.__tablename__]),
            [
                {"id": id_, "tenant_id": "default", "name": id_, "role": role, "scopes": scopes}
                for id_, (role, scopes) in keys.items()
            ],
        )
        for key_id in keys:
            session.add(
                BrowserSession(
                    token_hash=key_id, key_id=key_id, tenant_id="default", expires_at=now()
                )
            )
            session.add(
                Membership(
                    dataset_id=dataset_id, key_id=key_id, tenant_id="default", added_by_name="Uma"
                )
            )

    def tenants_of(kind: Any) -> dict[str, str]:
        column = kind.id if kind is ApiKey else kind.key_id
        with database.read() as session:
            return dict(session.execute(select(column, kind.tenant_id)).all())

    downgrade(database, "0017")
    upgrade(database)
    expected = {key_id: "operators" if key_id in "abc" else "default" for key_id in keys}
    assert tenants_of(ApiKey) == tenants_of(BrowserSession) == expected
    assert tenants_of(Membership) == {"d": "default", "e": "default"}
    downgrade(database, "0017")
    assert set(tenants_of(ApiKey).values()) == {"default"}
    upgrade(database)


def test_a_downgrade_that_would_merge_organisations_is_refused(store, database):
    with database.write() as session:
        other, _ = tenants.create_tenant(session, name="Elsewhere", admin="Zoe")
    dataset_id = make_dataset(store, tenant_id=other.id)
    for target in ("base", "0006"):
        with pytest.raises(CommandError, match="Elsewhere"):
            downgrade(database, target)
    check(database)  # nothing was undone
    with database.read() as session:
        assert session.get_one(Dataset, dataset_id).tenant_id == other.id
    downgrade(database, "0007")  # where organisations are still apart
    upgrade(database)
    with database.write() as session:
        session.delete(session.get_one(Dataset, dataset_id))
        session.delete(session.get_one(Tenant, other.id))
    downgrade(database, "0006")
    upgrade(database)


def test_a_key_for_one_dataset_is_revoked_where_it_would_see_all(database):
    with database.write() as session:
        session.add_all(
            ApiKey(
                id=key_id, tenant_id="default", name=key_id, role="viewer", dataset_id=dataset_id
            )
            for key_id, dataset_id in (("a", "ds_1"), ("b", None))
        )
    downgrade(database, "0018")
    upgrade(database)
    with database.read() as session:
        revoked = dict(session.execute(select(ApiKey.id, ApiKey.revoked_at)).all())
    assert revoked["a"] is not None
    assert revoked["b"] is None
