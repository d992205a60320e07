"""/v1/keys, /v1/me, the catalogue and the probes."""

from datetime import UTC, datetime, timedelta

import pytest

from service.options.encoders import ENCODERS
from service.options.objectives import OBJECTIVES


def test_a_new_key_is_shown_with_its_token_once(admin):
    created = admin.post("/v1/keys", json={"name": "Ben", "role": "uploader"})
    assert created.status_code == 201
    key = created.json()
    assert key["token"].startswith(f"la_{key['id']}_")
    assert key["revoked_at"] is None
    lifetime = datetime.fromisoformat(key["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=364) < lifetime <= timedelta(days=365)
    listed = {item["id"]: item for item in admin.get("/v1/keys").json()["items"]}
    assert listed[key["id"]]["name"] == "Ben"
    assert "token" not in listed[key["id"]]
    assert "secret_hash" not in listed[key["id"]]
    assert key["token"] not in admin.get("/v1/keys").text


def test_a_key_is_an_annotators_unless_said_otherwise(admin):
    assert admin.post("/v1/keys", json={"name": "Ben"}).json()["role"] == "annotator"


def test_an_expiry_needs_its_time_zone_and_is_told_in_utc(admin):
    wish = {"name": "Ben", "expires_at": "2099-01-01T12:00:00+09:00"}
    assert admin.post("/v1/keys", json=wish).json()["expires_at"] == "2099-01-01T03:00:00Z"
    naive = admin.post("/v1/keys", json={"name": "Ben", "expires_at": "2099-01-01T12:00:00"})
    assert naive.status_code == 422


def test_a_revoked_key_says_when(admin):
    key = admin.post("/v1/keys", json={"name": "Ben"}).json()
    assert admin.get(f"/v1/keys/{key['id']}").json()["revoked_at"] is None
    gone = admin.delete(f"/v1/keys/{key['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    read = admin.get(f"/v1/keys/{key['id']}").json()
    assert read["revoked_at"] is not None
    assert read in admin.get("/v1/keys").json()["items"]


def test_me_is_whose_key_it_is(uploader):
    me = uploader.get("/v1/me").json()
    assert (me["name"], me["role"], me["tenant_id"]) == ("the uploader", "uploader", "default")
    assert "datasets:write" in me["scopes"]
    assert "admin" not in me["scopes"]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/v1/objectives", list(OBJECTIVES)),
        ("/v1/encoders", [encoder.name for encoder in ENCODERS]),
    ],
)
def test_the_catalogue_lists_what_an_audit_can_use(annotator, path, names):
    answer = annotator.get(path)
    assert answer.status_code == 200
    assert [item["name"] for item in answer.json()["items"]] == names


def test_the_probes_answer_without_a_key(anonymous):
    assert anonymous.get("/livez").json() == {"status": "alive"}
    ready = anonymous.get("/readyz")
    assert ready.status_code == 200
    body = ready.json()
    assert body["status"] == "ready"
    assert body["checks"] == dict.fromkeys(("database", "schema", "storage", "reader"), "ok")


def test_a_full_disk_is_not_ready_and_takes_no_upload(app, anonymous, uploader):
    app.state.resources.storage.watermark = 2**62
    assert anonymous.get("/readyz").status_code == 503
    assert anonymous.get("/livez").status_code == 200
    answer = uploader.post("/v1/datasets", content=b"x")
    assert (answer.status_code, answer.json()["type"]) == (507, "/problems/insufficient-storage")


def test_a_database_without_tables_is_not_ready(app, anonymous, tmp_path):
    from dataclasses import replace

    from service.db.engine import Database

    bare = Database(f"sqlite:///{tmp_path / 'bare.sqlite3'}")
    app.state.resources = replace(app.state.resources, database=bare)
    answer = anonymous.get("/readyz")
    bare.dispose()
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == "OperationalError"
