"""Operators suspend organisations and delete them; nobody else is touched."""

from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from labelaudit.enums import JobType, Role, TenantStatus
from service.accounts import tenants
from service.core.config import Settings
from service.core.principal import OPERATORS
from service.db.tables import Model
from service.jobs import records as jobs
from service.jobs.graph import Queue
from tests.conftest import CallAs
from tests.support.factories import Store, make_dataset, start_audit
from tests.support.one_of_each import make_one_of_each, rows_by_tenant


@pytest.fixture
def operator(call_as: CallAs) -> TestClient:
    return call_as(Role.operator)


@pytest.fixture
def north(operator: TestClient) -> dict[str, Any]:
    """An organisation: its id, and its admin's token."""
    made: dict[str, Any] = operator.post("/v1/tenants", json={"name": "North"}).json()
    return made


@pytest.fixture
def northerner(app: FastAPI, north: dict[str, Any]) -> TestClient:
    headers = {"Authorization": f"Bearer {north['token']}"}
    return TestClient(app, base_url="http://127.0.0.1", headers=headers)


def set_status(operator: TestClient, tenant_id: str, status: str) -> None:
    answer = operator.patch(f"/v1/tenants/{tenant_id}", json={"status": status})
    assert (answer.status_code, answer.json()["status"]) == (200, status)


# ---------------------------------------------------------------------------------------- suspended


def test_keys_and_sessions_of_a_suspended_organisation_are_refused_at_once(
    app: FastAPI,
    operator: TestClient,
    north: dict[str, Any],
    northerner: TestClient,
    admin: TestClient,
) -> None:
    browser = TestClient(app, base_url="http://127.0.0.1")
    signed_in = browser.post(
        "/v1/sessions", headers={"X-CSRF": "1", "Authorization": f"Bearer {north['token']}"}
    )
    assert signed_in.status_code == 201
    for status in ("suspended", "suspended", "active", "suspended", "active"):
        set_status(operator, north["id"], status)
        for caller in (northerner, browser):
            answer = caller.get("/v1/me")
            if status == "active":
                assert answer.status_code == 200
            else:
                assert answer.status_code == 403
                assert answer.json()["type"] == "/problems/organisation-suspended"
        assert admin.get("/v1/me").status_code == 200
    listed = {one["id"]: one["status"] for one in operator.get("/v1/tenants").json()["items"]}
    assert listed == {"default": "active", north["id"]: "active"}


def test_a_wrong_secret_is_not_told_that_the_organisation_is_suspended(
    app: FastAPI, operator: TestClient, north: dict[str, Any]
) -> None:
    set_status(operator, north["id"], "suspended")
    headers = {"Authorization": f"Bearer {north['token']}x"}
    client = TestClient(app, base_url="http://127.0.0.1", headers=headers)
    assert client.get("/v1/me").status_code == 401


def test_who_suspended_an_organisation_is_in_its_log_and_in_theirs(
    operator: TestClient, north: dict[str, Any], northerner: TestClient
) -> None:
    for status in ("suspended", "suspended", "active"):
        set_status(operator, north["id"], status)
    for client in (operator, northerner):
        found = client.get("/v1/access-log").json()["items"]
        about = [one for one in found if one["subject"] == north["id"]]
        said = [(one["action"], one["by"]["name"]) for one in about]
        assert [one for one in said if one[0] != "tenant.create"] == [
            ("tenant.resume", "the operator"),
            ("tenant.suspend", "the operator"),
        ]


def claim_all(store: Store) -> list[tuple[str, JobType]]:
    found = []
    with store.database.write() as session:
        while claim := jobs.claim(session, queues=set(Queue), owner="w", lease_seconds=60):
            found.append((claim.subject_id, claim.type))
    return found


def test_jobs_of_a_suspended_organisation_wait(
    store: Store, operator: TestClient, north: dict[str, Any], northerner: TestClient
) -> None:
    theirs, ours = make_dataset(store, tenant_id=north["id"]), make_dataset(store)
    export = northerner.post(f"/v1/datasets/{theirs}/exports", json={"format": "csv"}).json()["id"]
    waiting = {start_audit(store, theirs), export}
    audit_id = start_audit(store, ours)
    set_status(operator, north["id"], "suspended")
    assert [subject for subject, _ in claim_all(store)] == [audit_id]
    with store.database.read() as session:
        assert jobs.waiting_queues(session) == set()
    set_status(operator, north["id"], "active")
    with store.database.read() as session:
        assert jobs.waiting_queues(session)
    assert {subject for subject, _ in claim_all(store)} == waiting


def test_a_running_job_of_a_suspended_organisation_is_taken_from_its_worker(
    store: Store, operator: TestClient, north: dict[str, Any]
) -> None:
    theirs = start_audit(store, make_dataset(store, tenant_id=north["id"]))
    start_audit(store, make_dataset(store))
    with store.database.write() as session:
        claims = [
            jobs.claim(session, queues={"cpu", "gpu"}, owner=f"w{n}", lease_seconds=60)
            for n in range(2)
        ]
    [their_claim] = [one for one in claims if one and one.subject_id == theirs]
    [our_claim] = [one for one in claims if one and one.subject_id != theirs]
    set_status(operator, north["id"], "suspended")

    def renew(claim: jobs.Claim) -> None:
        with store.database.write() as session:
            jobs.renew(session, claim, lease_seconds=60, progress=0.5)

    renew(our_claim)
    with pytest.raises(jobs.JobLost):
        renew(their_claim)
    with pytest.raises(jobs.JobLost), store.database.write() as session:
        jobs.finish(session, their_claim)
    assert claim_all(store) == []
    set_status(operator, north["id"], "active")
    assert [subject for subject, _ in claim_all(store)] == [theirs]


def test_a_job_claimed_at_the_moment_of_the_suspension_ends_at_its_next_renewal(
    store: Store, north: dict[str, Any]
) -> None:
    start_audit(store, make_dataset(store, tenant_id=north["id"]))
    with store.database.write() as session:
        claim = jobs.claim(session, queues={"cpu", "gpu"}, owner="w", lease_seconds=60)
        tenants.set_status(session, north["id"], TenantStatus.suspended)
    assert claim is not None
    with pytest.raises(jobs.JobLost), store.database.write() as session:
        jobs.renew(session, claim, lease_seconds=60, progress=0.5)


# ------------------------------------------------------------------------------------------ deleted


def test_a_deleted_organisation_leaves_its_access_log_and_nothing_else(
    store: Store,
    settings: Settings,
    operator: TestClient,
    north: dict[str, Any],
    northerner: TestClient,
) -> None:
    names = {
        tenant_id: make_one_of_each(store, settings, tenant_id)
        for tenant_id in ("default", north["id"])
    }
    operator_log = len(operator.get("/v1/access-log").json()["items"])

    def rows() -> dict[str, dict[str, list[Any]]]:
        with store.database.read() as session:
            return {
                table.name: rows_by_tenant(session.connection(), table, names)
                for table in Model.metadata.sorted_tables
            }

    before = rows()
    folders = {path for path in store.storage.root.glob("*/*") if path.name in names[north["id"]]}
    assert folders
    set_status(operator, north["id"], "suspended")
    assert operator.delete(f"/v1/tenants/{north['id']}").status_code == 204
    assert northerner.get("/v1/me").status_code == 401
    after = rows()
    for table in after.keys() - {"access_log", "job"}:
        assert after[table][north["id"]] == [], table
        assert after[table]["default"] == before[table]["default"], table
    assert {job.status for job in after["job"][north["id"]]} <= {"cancelled", "completed"}
    assert not any(path.exists() for path in folders)
    kept = after["access_log"][north["id"]]
    assert len(kept) > len(before["access_log"][north["id"]])
    assert "dataset.delete" in [line.action for line in kept]
    found = operator.get("/v1/access-log").json()["items"]
    assert len(found) == operator_log + 2
    assert (found[0]["action"], found[0]["subject"]) == ("tenant.delete", north["id"])
    assert found[0]["detail"] == {"name": "North", "datasets": 1, "keys": 2}
    again = operator.post("/v1/tenants", json={"name": "North"})
    assert again.status_code == 201
    assert again.json()["id"] != north["id"]


def test_an_organisation_at_work_is_not_deleted(
    operator: TestClient, north: dict[str, Any], northerner: TestClient
) -> None:
    answer = operator.delete(f"/v1/tenants/{north['id']}")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/organisation-active")
    assert northerner.get("/v1/me").status_code == 200


def test_the_default_organisation_is_not_deleted(operator: TestClient, admin: TestClient) -> None:
    set_status(operator, "default", "suspended")
    assert operator.delete("/v1/tenants/default").status_code == 409
    set_status(operator, "default", "active")
    assert admin.get("/v1/me").status_code == 200


@pytest.mark.parametrize("tenant_id", ["te_unknown", OPERATORS])
def test_an_unknown_organisation_is_not_found(operator: TestClient, tenant_id: str) -> None:
    path = f"/v1/tenants/{tenant_id}"
    assert operator.patch(path, json={"status": "suspended"}).status_code == 404
    assert operator.delete(path).status_code == 404


def test_an_admin_neither_suspends_nor_deletes(
    admin: TestClient, operator: TestClient, north: dict[str, Any]
) -> None:
    for tenant_id in ("default", north["id"]):
        path = f"/v1/tenants/{tenant_id}"
        assert admin.patch(path, json={"status": "suspended"}).status_code == 403
        assert admin.delete(path).status_code == 403
