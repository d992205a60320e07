"""The service as a database role that owns nothing: what Postgres itself does not let it do."""

from datetime import timedelta

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import event, select, text
from sqlalchemy.exc import ProgrammingError
from starlette.testclient import TestClient

from labelaudit.enums import AccessOutcome, Role
from service.accounts import access_log, tenants
from service.accounts.api_keys import create_key
from service.api.app import create_app
from service.core.config import Settings
from service.db import tenant_filter
from service.db.app_role import InvalidRole, grant
from service.db.engine import Database
from service.db.tables import (
    AccessEntry,
    Audit,
    Dataset,
    Export,
    Idempotency,
    Job,
    Upload,
    now,
)
from service.operations.verify import verify
from service.storage.local import Storage
from tests.support import road
from tests.support.factories import (
    Store,
    make_audit,
    make_dataset,
    person,
)
from worker.runtime.context import Worker
from worker.runtime.runner import run_one


@pytest.fixture
def database_url(app_url: str) -> str:
    return app_url


@pytest.fixture
def two_tenants(store: Store) -> dict[str, str]:
    """Two organisations by id, and the one dataset of each."""
    with store.database.write() as session:
        other, _ = tenants.create_tenant(session, name="Elsewhere", admin="Zoe")
    found = {}
    for tenant_id in ("default", other.id):
        found[tenant_id] = make_dataset(store, tenant_id=tenant_id)
    make_audit(store, found["default"])
    return found


def test_organisations_cannot_see_each_other_with_the_applications_filter_removed(
    store: Store, two_tenants: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenant_filter, "_criteria", lambda _visible: [])
    for tenant_id, dataset_id in two_tenants.items():
        caller = person("Ann", Role.admin, tenant_id)
        with store.database.read(caller) as session:
            assert list(session.scalars(select(Dataset.id))) == [dataset_id]
            assert list(session.scalars(text("SELECT id FROM dataset"))) == [dataset_id]
            assert session.scalar(text("SELECT count(*) FROM audit")) == (tenant_id == "default")
            (name,) = session.scalars(text("SELECT DISTINCT tenant_id FROM access_log")).all() or [
                tenant_id
            ]
            assert name == tenant_id
        (foreign,) = set(two_tenants.values()) - {dataset_id}
        with store.database.write(caller) as session:
            for act in ("UPDATE dataset SET name = 'mine'", "DELETE FROM dataset"):
                done = session.execute(text(f"{act} WHERE id = :id"), {"id": foreign})
                assert done.rowcount == 0  # type: ignore[attr-defined]
            with pytest.raises(ProgrammingError, match="row-level security"):
                session.execute(
                    text("UPDATE dataset SET tenant_id = 'another' WHERE id = :id"),
                    {"id": dataset_id},
                )
            session.rollback()


def test_a_kept_connection_is_named_again_for_another_organisation_alone(
    store: Store, two_tenants: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenant_filter, "_criteria", lambda _visible: [])
    here, elsewhere = (person("Ann", Role.admin, tenant_id) for tenant_id in two_tenants)
    named: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        named.extend([statement] if "set_config" in statement else [])

    for engine in store.database.engines:
        event.listen(engine, "before_cursor_execute", note)
    for caller in (here, here, elsewhere, here, here):
        with store.database.read(caller) as session:
            seen = list(session.scalars(text("SELECT id FROM dataset")))
        assert seen == [two_tenants[caller.tenant_id]]
    assert len(named) == 3
    with store.database.read(here) as session, store.database.read(elsewhere) as other:
        for _ in range(2):
            assert list(session.scalars(select(Dataset.id))) == [two_tenants[here.tenant_id]]
            assert list(other.scalars(select(Dataset.id))) == [two_tenants[elsewhere.tenant_id]]
    with store.database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM dataset")) == 2


def test_a_connection_that_names_no_tenant_sees_nothing(
    app_url: str, two_tenants: dict[str, str]
) -> None:
    with psycopg.connect(app_url) as connection:
        for table in ("dataset", "audit", "api_key"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE access_log SET name = 'nobody'",
        "DELETE FROM access_log",
        "UPDATE log_retention SET days = 1",
        "INSERT INTO log_retention VALUES ('correction', 1)",
        "TRUNCATE access_log",
        "UPDATE correction SET annotator = 'nobody'",
        "DELETE FROM correction",
        "ALTER TABLE access_log DISABLE TRIGGER ALL",
        "ALTER TABLE dataset DISABLE ROW LEVEL SECURITY",
        "DROP TABLE access_log",
        "CREATE TABLE mine (id int)",
        "UPDATE alembic_version SET version_num = '0001'",
        "SET session_replication_role = replica",
    ],
)
def test_logs_and_the_schema_are_not_the_services_to_change(app_url: str, statement: str) -> None:
    with psycopg.connect(app_url) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(statement)


def test_the_whole_road_works_as_that_role(
    settings: Settings, database: Database, storage: Storage, worker: Worker
) -> None:
    """Upload, audit, review, export, delete: nothing needs more than was granted."""
    app = create_app(settings)
    with database.write() as session:
        _, token = create_key(session, name="the admin", role=Role.admin)
    headers = {"Authorization": f"Bearer {token}"}
    with TestClient(app, base_url="http://127.0.0.1", headers=headers) as client:
        assert client.get("/readyz").status_code == 200

        def work() -> None:
            while run_one(worker):
                pass

        dataset = road.send(client, road.probabilities(120), work)
        audit = road.start(client, dataset, {})
        work()
        assert road.finished(client, audit, work)["status"] == "completed"
        item = client.post(f"{audit}/queue/next").json()["items"][0]
        decision = {"sample_id": item["sample_id"], "verdict": "keep"}
        made = client.post(f"{audit}/corrections", json={"corrections": [decision]})
        assert made.status_code == 201, made.text
        export = client.post(
            f"/v1/datasets/{dataset['id']}/exports",
            json={"format": "csv"},
            headers={"Idempotency-Key": "kept-answer"},
        )
        work()
        assert client.get(f"{export.headers['location']}/file").status_code == 200
        assert client.get("/v1/access-log").json()["items"]
        assert verify(database, storage, min_age_seconds=0).whole
        assert client.delete(f"/v1/datasets/{dataset['id']}").status_code in (202, 204)
        with database.read() as session:
            for table in (Dataset, Audit, Export, Idempotency, Job, Upload):
                assert session.scalars(select(table)).all() == []


def test_the_owner_is_refused_as_the_services_role(postgres_url: str) -> None:
    owner = Database(postgres_url)
    for address in (
        postgres_url,
        "postgresql://app@127.0.0.1/x",
        "postgresql://app:pw@127.0.0.1/x",
    ):
        with pytest.raises(InvalidRole):
            grant(owner, address)
    owner.dispose()


def test_the_service_can_make_old_lines_of_the_access_log_go_and_no_others(
    postgres_url: str, app_url: str
) -> None:
    owner, service = Database(postgres_url), Database(app_url)
    with owner.write() as session:
        access_log.keep_for(session, 30)
        for days in (31, 29):
            moment = now() - timedelta(days=days)
            session.add(AccessEntry(action=f"{days}", outcome=AccessOutcome.done, at=moment))
    for statement in ("DELETE FROM access_log", "UPDATE log_retention SET days = 1"):
        with pytest.raises(ProgrammingError, match="permission denied"), service.write() as session:
            session.execute(text(statement))
    with service.write() as session:
        assert access_log.delete_expired(session) == 1
    with owner.read() as session:
        assert session.scalars(select(AccessEntry.action)).all() == ["29"]
    for database in (owner, service):
        database.dispose()
