"""API keys: what is stored, who gets in."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from labelaudit.enums import Role
from service.accounts import api_keys, tenants
from service.api.app import create_app
from service.core.config import Settings
from service.core.errors import NotAuthenticated, NotFound
from service.db.engine import Database
from service.db.tables import ApiKey, now
from tests.conftest import CallAs
from tests.support.factories import Store, make_audit, make_dataset


def make(database, **options):
    with database.write() as session:
        key, token = api_keys.create_key(
            session, **{"name": "Ann", "role": Role.annotator, **options}
        )
        return key.id, token


def authenticate(database, token):
    with database.autocommit() as connection:
        return api_keys.authenticate(connection, token)


def test_a_new_keys_token_says_who_calls(database):
    key_id, token = make(database, name="Uma", role=Role.uploader)
    caller = authenticate(database, token)
    assert (caller.key_id, caller.name, caller.role) == (key_id, "Uma", Role.uploader)


def test_tokens_have_their_published_form_and_differ(database):
    tokens = {make(database)[1] for _ in range(20)}
    assert len(tokens) == 20
    for token in tokens:
        prefix, key_id, secret = token.split("_", 2)
        assert (prefix, len(key_id), len(secret)) == ("la", 8, 43)


def test_the_secret_is_not_stored(database):
    key_id, token = make(database)
    with database.read() as session:
        stored = vars(session.get_one(ApiKey, key_id))
    secret = token.split("_", 2)[2]
    assert not any(secret in str(value) for value in stored.values())


def test_unknown_wrong_expired_and_revoked_keys_get_one_and_the_same_answer(database):
    key_id, token = make(database)
    expired = make(database, expires_at=now() - timedelta(seconds=1))[1]
    revoked_id, revoked = make(database)
    with database.write() as session:
        api_keys.revoke_key(session, revoked_id)
    secret = token.split("_", 2)[2]
    refused = [
        "",
        "la",
        "la_",
        "_",
        f"xx_{key_id}_{secret}",
        f"la_00000000_{secret}",
        f"la_{key_id}_",
        f"la_{key_id}_{secret[:-1]}",
        token + "x",
        token.upper(),
        "la_é_ü",
        expired,
        revoked,
    ]
    answers = set()
    for wrong in refused:
        with pytest.raises(NotAuthenticated) as caught:
            authenticate(database, wrong)
        answers.add(caught.value.detail)
    assert len(answers) == 1


def test_a_key_that_expires_later_still_works(database):
    _, token = make(database, expires_at=now() + timedelta(hours=1))
    assert authenticate(database, token).name == "Ann"


@pytest.mark.parametrize("hours", [-8, 0, 9])
def test_an_expiry_given_in_another_time_zone_means_the_same_moment(database, hours):
    moment = datetime(2099, 1, 1, 12, tzinfo=timezone(timedelta(hours=hours)))
    key_id, _ = make(database, expires_at=moment)
    with database.read() as session:
        stored = session.get_one(ApiKey, key_id).expires_at
    assert stored == moment
    assert stored.tzinfo is UTC


def test_revoking_twice_keeps_the_first_moment(database):
    key_id, _ = make(database)
    moments = []
    for _ in range(2):
        with database.write() as session:
            moments.append(api_keys.revoke_key(session, key_id).revoked_at)
    assert moments[0] == moments[1]


def test_revoking_an_unknown_key_is_not_found(database):
    with pytest.raises(NotFound), database.write() as session:
        api_keys.revoke_key(session, "00000000")


# --------------------------------------------------------------------------------------- expiry


def days_left(key: dict[str, Any]) -> float | None:
    moment = key["expires_at"]
    return moment and (datetime.fromisoformat(moment) - now()) / timedelta(days=1)


def test_a_key_expires_after_a_year_unless_something_else_is_said(admin: TestClient) -> None:
    moment = now() + timedelta(days=3)
    asked: dict[float | None, dict[str, Any]] = {
        365.0: {},
        None: {"expires_at": None},
        3.0: {"expires_at": moment.isoformat()},
    }
    for days, said in asked.items():
        key = admin.post("/v1/keys", json={"name": "Ann", **said}).json()
        assert days_left(key) == (days and pytest.approx(days, abs=0.01))


@pytest.mark.parametrize(("days", "left"), [(30, pytest.approx(30, abs=0.01)), (0, None)])
def test_how_long_keys_last_is_a_setting(
    settings: Settings, database: Database, days: float, left: object
) -> None:
    _, token = make(database, role=Role.admin)
    headers = {"Authorization": f"Bearer {token}"}
    app = create_app(settings.model_copy(update={"key_days": days}))
    with TestClient(app, base_url="http://127.0.0.1", headers=headers) as client:
        assert days_left(client.post("/v1/keys", json={"name": "Ann"}).json()) == left


def test_a_rotated_key_expires_when_it_did_before(admin: TestClient) -> None:
    key = admin.post("/v1/keys", json={"name": "Ann"}).json()
    rotated = admin.post(f"/v1/keys/{key['id']}/rotate").json()
    assert rotated["expires_at"] == key["expires_at"]
    for said, left in ((now() + timedelta(days=3), pytest.approx(3, abs=0.01)), (None, None)):
        body = {"expires_at": said and said.isoformat()}
        rotated = admin.post(f"/v1/keys/{key['id']}/rotate", json=body).json()
        assert days_left(rotated) == left


def test_an_expired_key_is_rotated_only_with_another_expiry(
    admin: TestClient, database: Database
) -> None:
    key_id, _ = make(database, expires_at=now() - timedelta(days=1))
    assert admin.post(f"/v1/keys/{key_id}/rotate").status_code == 409
    body = {"expires_at": (now() + timedelta(days=1)).isoformat()}
    token = admin.post(f"/v1/keys/{key_id}/rotate", json=body).json()["token"]
    assert authenticate(database, token).key_id == key_id


# ------------------------------------------------------------------------------- for one dataset


def client_of(app: FastAPI, token: str) -> TestClient:
    headers = {"Authorization": f"Bearer {token}"}
    return TestClient(app, base_url="http://127.0.0.1", headers=headers)


def test_a_key_for_one_dataset_sees_nothing_else(
    app: FastAPI, store: Store, admin: TestClient
) -> None:
    only, other = make_dataset(store, shared=False), make_dataset(store)
    audit_id = make_audit(store, only)
    make_audit(store, other)
    made = admin.post("/v1/keys", json={"name": "CI", "role": "uploader", "dataset_id": only})
    assert made.json()["dataset_id"] == only
    client = client_of(app, made.json()["token"])
    assert client.get("/v1/me").json()["dataset_id"] == only
    assert [one["id"] for one in client.get("/v1/datasets").json()["items"]] == [only]
    assert [one["id"] for one in client.get("/v1/audits").json()["items"]] == [audit_id]
    assert client.get(f"/v1/datasets/{other}").status_code == 404
    assert client.post(f"/v1/datasets/{only}/exports", json={"format": "csv"}).status_code == 202
    assert client.post(f"/v1/datasets/{other}/exports", json={"format": "csv"}).status_code == 404
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "3", "Upload-Metadata": ""}
    assert client.post("/v1/uploads", headers=headers).status_code == 403
    assert client.post("/v1/datasets?filename=a.csv", content=b"a,b").status_code == 403


@pytest.mark.parametrize(
    "wanted", [{"role": "admin"}, {"scopes": ["metrics"]}, {"scopes": ["export", "admin"]}]
)
def test_what_reaches_beyond_a_dataset_is_not_for_a_key_of_one(
    store: Store, admin: TestClient, call_as: CallAs, wanted: dict[str, Any]
) -> None:
    dataset_id = make_dataset(store)
    caller = call_as(Role.operator) if wanted.get("scopes") == ["metrics"] else admin
    answer = caller.post("/v1/keys", json={"name": "CI", "dataset_id": dataset_id, **wanted})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/dataset_id"


def test_a_key_is_made_for_a_dataset_of_ones_own_organisation(
    store: Store, admin: TestClient
) -> None:
    with store.database.write() as session:
        other, _ = tenants.create_tenant(session, name="Elsewhere", admin="Zoe")
    for dataset_id in ("ds_none", make_dataset(store, tenant_id=other.id)):
        answer = admin.post("/v1/keys", json={"name": "CI", "dataset_id": dataset_id})
        assert answer.status_code == 422


def test_a_key_for_one_dataset_ends_with_it(app: FastAPI, store: Store, admin: TestClient) -> None:
    dataset_id = make_dataset(store)
    key = admin.post("/v1/keys", json={"name": "CI", "dataset_id": dataset_id}).json()
    client = client_of(app, key["token"])
    assert client.get("/v1/me").status_code == 200
    assert admin.delete(f"/v1/datasets/{dataset_id}").status_code == 204
    assert client.get("/v1/me").status_code == 401
    assert key["id"] not in {one["id"] for one in admin.get("/v1/keys").json()["items"]}


# ------------------------------------------------------------------------------- the local key


def test_whoever_starts_a_local_service_stays_the_same_person(database: Database) -> None:
    former = [make(database, name="embedded", role=Role.admin)[1] for _ in range(2)]
    tokens = []
    for _ in range(3):
        with database.write() as session:
            tokens.append(api_keys.renew_local_key(session, "embedded"))
        with database.write() as session:  # what would shut them out
            api_keys.revoke_key(session, "embedded")
    with database.write() as session:
        tokens.append(api_keys.renew_local_key(session, "embedded"))
    for token in (*former, *tokens[:-1]):
        with pytest.raises(NotAuthenticated):
            authenticate(database, token)
    caller = authenticate(database, tokens[-1])
    assert (caller.key_id, caller.role) == ("embedded", Role.admin)
    with database.read() as session:
        rows = session.scalars(select(ApiKey).where(ApiKey.revoked_at.is_(None))).all()
        assert [row.id for row in rows] == ["embedded"]
