"""Organisations cannot see each other, and members see the datasets that are shared with them."""

import tracemalloc

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from labelaudit.enums import JobStatus, Role
from service.accounts import api_keys, tenants
from service.core.errors import Conflict, NotPermitted
from service.core.principal import DEFAULT_TENANT, Principal
from service.datasets import members
from service.db import tenant_filter
from service.db.statements import cached_statement
from service.db.tables import Audit, Dataset, Tenant
from service.db.tenant_filter import Visible
from service.exports import records as exports
from tests.service.api.test_access import ask_about, operations
from tests.support.factories import (
    make_audit,
    make_dataset,
    person,
    sample_id,
)


@pytest.fixture
def foreign(database):
    """The id of another organisation and the token of its admin."""
    with database.write() as session:
        tenant, token = tenants.create_tenant(session, name="Elsewhere", admin="Zoe")
        return tenant.id, token


@pytest.fixture
def stranger(app, foreign):
    headers = {"Authorization": f"Bearer {foreign[1]}"}
    return TestClient(app, base_url="http://127.0.0.1", headers=headers)


def ids_of_everything(store) -> dict[str, str]:
    """A dataset with a completed audit, a correction, an export and a member: all by id."""
    dataset_id = make_dataset(store, shared=False)
    audit_id = make_audit(store, dataset_id)
    with store.database.write() as session:
        export = exports.start_export(
            session, dataset_id, format="csv", dataset_version=None, principal=person("Uma")
        )
        export.status = JobStatus.completed
        key, _ = api_keys.create_key(session, name="Ann", role=Role.annotator)
        members.add_member(session, dataset_id, key.id, principal=person("Uma"))
    return {
        "dataset_id": dataset_id,
        "audit_id": audit_id,
        "export_id": export.id,
        "key_id": key.id,
        "sample_id": sample_id(0),
        "number": "0",
        "file": "model.json",
        "correction_id": "co_1",
        "session_id": "si_1",
    }


def test_another_organisations_ids_are_not_found_by_any_operation(app, store, stranger, admin):
    ids = ids_of_everything(store)
    answers = [
        (method, path, ask_about(stranger, method, address).status_code)
        for method, path, address in operations(app, ids)
        if "{" in path and not path.startswith("/v1/tenants")  # an operator's
    ]
    assert len(answers) > 25
    assert [found for found in answers if found[2] != 404] == []
    # the same addresses are there for their own people
    for path in ("", "/summary", "/suspects", "/corrections", "/rankings"):
        assert admin.get(f"/v1/audits/{ids['audit_id']}{path}").status_code == 200


def test_lists_show_nothing_of_another_organisation(store, stranger, admin):
    ids = ids_of_everything(store)
    assert len(admin.get("/v1/datasets").json()["items"]) == 1
    for path in ("/v1/datasets", "/v1/audits"):
        assert stranger.get(path).json()["items"] == []
    assert (
        stranger.get("/v1/audits", params={"dataset_id": ids["dataset_id"]}).json()["items"] == []
    )
    assert [key["name"] for key in stranger.get("/v1/keys").json()["items"]] == ["Zoe"]
    log = stranger.get("/v1/access-log").json()["items"]
    assert {entry["by"]["name"] for entry in log if entry["by"]} <= {"Zoe"}


def test_one_idempotency_key_in_two_organisations_is_two_requests(store, stranger, uploader):
    audit_id = make_audit(store, make_dataset(store))
    body = {"corrections": [{"sample_id": sample_id(0), "verdict": "keep"}]}
    headers = {"Idempotency-Key": "the same in both"}
    path = f"/v1/audits/{audit_id}/corrections"
    assert uploader.post(path, json=body, headers=headers).status_code == 201
    assert stranger.post(path, json=body, headers=headers).status_code == 404


def test_whatever_is_made_belongs_to_its_makers_organisation(database, stranger, foreign):
    made = stranger.post("/v1/keys", json={"name": "Yan", "role": "uploader"}).json()
    with database.read() as session:
        assert api_keys.get_key(session, made["id"]).tenant_id == foreign[0]


def test_a_query_that_forgets_the_organisation_is_given_it(store, foreign):
    """Whoever writes a query may forget; the session does not."""
    make_audit(store, make_dataset(store))
    zoe = person("Zoe", Role.admin, foreign[0])
    own = person("Uma", Role.admin)
    for caller, count in ((zoe, 0), (own, 1)):
        with store.database.read(caller) as session:
            assert len(session.scalars(select(Dataset)).all()) == count
            assert len(session.scalars(select(Audit.id)).all()) == count
            joined = select(Audit.id).join(Dataset, Dataset.id == Audit.dataset_id)
            assert len(session.scalars(joined).all()) == count


def test_a_statement_that_is_kept_shows_each_caller_their_own(store, foreign):
    open_to_all, closed = (make_dataset(store, shared=shared) for shared in (True, False))
    with store.database.write() as session:
        ann, _ = api_keys.create_key(session, name="Ann", role=Role.annotator)
        ben, _ = api_keys.create_key(session, name="Ben", role=Role.annotator)
        members.add_member(session, closed, ann.id, principal=person("Uma"))
    kept = cached_statement(select(Dataset.id).order_by(Dataset.id))
    seen = {
        person("Zoe", Role.admin, foreign[0]): [],
        person("Uma", Role.admin): [open_to_all, closed],
        Principal(ann.id, "Ann", Role.annotator): [open_to_all, closed],
        Principal(ben.id, "Ben", Role.annotator): [open_to_all],
        None: [open_to_all, closed],
    }
    for caller, datasets in [*seen.items(), *seen.items()]:
        with store.database.read(caller) as session:
            assert session.scalars(kept).all() == sorted(datasets)


# ------------------------------------------------------------------------------------------ members


@pytest.fixture
def ann(database, app):
    """An annotator's key id, and a client that calls with the key."""
    with database.write() as session:
        key, token = api_keys.create_key(session, name="Ann", role=Role.annotator)
    headers = {"Authorization": f"Bearer {token}"}
    return key.id, TestClient(app, base_url="http://127.0.0.1", headers=headers)


def test_an_annotator_sees_a_dataset_from_the_moment_of_joining_to_that_of_leaving(
    store, uploader, ann
):
    dataset_id = make_dataset(store, shared=False)
    audit_id = make_audit(store, dataset_id)
    key_id, client = ann
    paths = (f"/v1/datasets/{dataset_id}", f"/v1/audits/{audit_id}/suspects")

    def statuses():
        return [client.get(path).status_code for path in paths]

    assert statuses() == [404, 404]
    assert client.get("/v1/datasets").json()["items"] == []
    member = uploader.put(f"/v1/datasets/{dataset_id}/members/{key_id}")
    assert (member.status_code, member.json()["name"]) == (200, "Ann")
    assert statuses() == [200, 200]
    assert client.post(f"/v1/audits/{audit_id}/queue/next").status_code == 200
    assert uploader.delete(f"/v1/datasets/{dataset_id}/members/{key_id}").status_code == 204
    assert statuses() == [404, 404]
    assert client.post(f"/v1/audits/{audit_id}/queue/next").status_code == 404


def test_a_shared_dataset_is_seen_by_everybody_of_the_organisation(store, uploader, ann, stranger):
    dataset_id = make_dataset(store, shared=False)
    path = f"/v1/datasets/{dataset_id}"
    assert ann[1].get(path).status_code == 404
    shared = uploader.patch(f"{path}/members", json={"shared": True})
    assert shared.json()["shared"] is True
    assert ann[1].get(path).status_code == 200
    assert stranger.get(path).status_code == 404
    uploader.patch(f"{path}/members", json={"shared": False})
    assert ann[1].get(path).status_code == 404


def test_members_are_listed_and_so_is_who_could_become_one(store, uploader, ann):
    dataset_id = make_dataset(store, shared=False)
    path = f"/v1/datasets/{dataset_id}/members"
    assert uploader.get(path).json() == {"shared": False, "items": [], "next_cursor": None}
    could = uploader.get(f"/v1/datasets/{dataset_id}/member-candidates").json()["items"]
    assert could == [{"id": ann[0], "name": "Ann", "role": "annotator"}]  # uploaders see it anyway
    for _ in range(2):
        uploader.put(f"{path}/{ann[0]}")
    [member] = uploader.get(path).json()["items"]
    assert (member["id"], member["name"]) == (ann[0], "Ann")
    me = uploader.get("/v1/me").json()
    assert member["added_by"] == {"id": me["id"], "name": me["name"]}
    assert uploader.get(f"/v1/datasets/{dataset_id}/member-candidates").json()["items"] == []


def test_somebody_of_another_organisation_cannot_become_a_member(
    store, uploader, stranger, foreign
):
    dataset_id = make_dataset(store)
    key_id = foreign[1].split("_")[1]
    assert uploader.put(f"/v1/datasets/{dataset_id}/members/{key_id}").status_code == 404


def test_members_do_not_see_the_audits_of_other_datasets(store, uploader, ann):
    mine, other = make_dataset(store, shared=False), make_dataset(store, shared=False)
    audits = [make_audit(store, dataset_id) for dataset_id in (mine, other)]
    uploader.put(f"/v1/datasets/{mine}/members/{ann[0]}")
    assert [item["id"] for item in ann[1].get("/v1/audits").json()["items"]] == audits[:1]


# ------------------------------------------------------------------------------------ organisations


def test_an_operator_makes_organisations_and_sees_nothing_in_them(store, call_as, admin):
    make_dataset(store)
    operator = call_as(Role.operator)
    made = operator.post("/v1/tenants", json={"name": "Ward 7", "admin": "Eve"})
    assert made.status_code == 201
    assert made.json()["token"].startswith("la_")
    assert "Ward 7" in [tenant["name"] for tenant in operator.get("/v1/tenants").json()["items"]]
    assert operator.get("/v1/datasets").status_code == 403
    again = operator.post("/v1/tenants", json={"name": "Ward 7"})
    assert again.status_code == 409
    assert admin.get("/v1/tenants").status_code == 403


def test_two_organisations_of_one_name_are_refused(database):
    with database.write() as session:
        tenants.create_tenant(session, name="One", admin="Ann")
    with pytest.raises(Conflict), database.write() as session:
        tenants.create_tenant(session, name="One", admin="Ben")
    with database.read() as session:
        assert len(session.scalars(select(Tenant).where(Tenant.name == "One")).all()) == 1


def test_nobody_gives_a_scope_that_they_do_not_have(database):
    admin = Principal("k", "Ann", Role.admin, tenant_id=DEFAULT_TENANT)
    with pytest.raises(NotPermitted), database.write(admin) as session:
        api_keys.create_key(session, name="Ben", role=Role.operator)


def test_readers_leave_nothing_behind_and_writers_little(store):
    make_dataset(store, shared=False)
    readers = [person(f"reader {number}") for number in range(50)]

    def read(caller: Principal) -> int:
        with store.database.read(caller) as session:
            return len(session.scalars(select(Dataset)).all())

    assert read(readers[0]) == 0
    before = tenant_filter._criteria.cache_info().misses
    assert [read(one) for one in readers] == [0] * len(readers)
    assert tenant_filter._criteria.cache_info().misses == before

    tracemalloc.start()
    try:
        held = tracemalloc.get_traced_memory()[0]
        for number in range(100):
            tenant_filter._criteria(Visible("default", f"writer {number}"))
        per_writer = (tracemalloc.get_traced_memory()[0] - held) / 100
    finally:
        tracemalloc.stop()
    assert per_writer < 20_000, "the criteria share no columns"
