"""Every error is a problem object, whatever was sent."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.testclient import TestClient

from labelaudit.enums import Role
from service.accounts.api_keys import create_key

MEMBERS = {"type", "title", "status", "detail", "instance", "request_id"}


def check_problem(answer) -> dict:
    """The body, after checking that it is a problem in full."""
    assert answer.headers["content-type"] == "application/problem+json"
    body = json.loads(answer.content, parse_constant=lambda name: pytest.fail(name))
    assert set(body) >= MEMBERS
    assert set(body) <= MEMBERS | {"errors"}
    assert body["status"] == answer.status_code
    assert body["type"].startswith("/problems/")
    assert body["title"]
    assert body["detail"]
    assert body["instance"] == answer.request.url.path
    assert body["request_id"] == answer.headers["x-request-id"]
    assert all("detail" in error for error in body.get("errors", []))
    return body


NAUGHTY = {
    "NaN": b"NaN",
    "infinity": b"1e400",
    "a NUL character": b'"\\u0000"',
    "a lone surrogate": b'"\\ud800"',
    "an integer beyond 64 bits": b"9223372036854775808",
    "an integer beyond 4300 digits": b"9" * 5000,
    "deep nesting": b"[" * 50_000 + b"]" * 50_000,
    "a list": b"[]",
    "an object": b"{}",
    "null": b"null",
    "a very long text": b'"' + b"x" * 100_000 + b'"',
    "the wrong time": b'"0001-01-01T00:00:00+14:00"',
    "a time without a zone": b'"2030-01-01T00:00:00"',
}
PLACES = [
    ("/v1/keys", b'{"name": %s}'),
    ("/v1/keys", b'{"name": "x", "expires_at": %s}'),
    ("/v1/keys", b'{"name": "x", "role": %s}'),
    ("/v1/datasets/unknown/audits", b'{"encoder": %s}'),
    ("/v1/datasets/unknown/audits", b'{"seed": %s}'),
    ("/v1/datasets/unknown/audits", b'{"dataset_version": %s}'),
    ("/v1/datasets/unknown/audits", b'{"learning_rate": %s}'),
    ("/v1/datasets/unknown/audits", b'{"weight_decay": %s}'),
    ("/v1/datasets/unknown/audits", b'{"objective": "gce", "objective_options": {"q": %s}}'),
    ("/v1/datasets/unknown/audits", b'{"objective_options": %s}'),
    ("/v1/datasets/unknown/exports", b'{"format": %s}'),
    ("/v1/datasets/unknown/exports", b'{"dataset_version": %s}'),
    ("/v1/audits/unknown/queue/next", b'{"count": %s}'),
    ("/v1/audits/unknown/queue/next", b'{"tier": %s}'),
    ("/v1/audits/unknown/queue/renew", b'{"sample_id": %s, "lease_id": "x"}'),
    ("/v1/audits/unknown/corrections", b'{"corrections": %s}'),
    (
        "/v1/audits/unknown/corrections",
        b'{"corrections": [{"sample_id": "x", "verdict": "keep", "note": %s}]}',
    ),
    ("/v1/keys", b"%s"),
    ("/v1/audits/unknown/queue/next", b"%s"),
    ("/v1/keys", b'{"name": "x", "surprise": %s}'),
]


@pytest.mark.parametrize("value", NAUGHTY.values(), ids=NAUGHTY)
def test_a_naughty_value_anywhere_is_never_our_fault(admin, value):
    wrong = []
    for path, template in PLACES:
        answer = admin.post(
            path, content=template % value, headers={"Content-Type": "application/json"}
        )
        if answer.status_code >= 500:
            wrong.append((path, template, answer.status_code))
        elif answer.status_code >= 400:
            check_problem(answer)
        else:
            assert answer.json()
    assert wrong == []


@pytest.mark.parametrize("value", NAUGHTY.values(), ids=NAUGHTY)
def test_a_naughty_value_in_a_stored_audits_wish_is_never_our_fault(store, admin, value):
    from tests.support.factories import make_audit, make_dataset

    dataset_id = make_dataset(store)
    audit_id = make_audit(store, dataset_id)
    places = [
        (f"/v1/datasets/{dataset_id}/audits", b'{"encoder": %s}'),
        (f"/v1/datasets/{dataset_id}/audits", b'{"dataset_version": %s}'),
        (f"/v1/datasets/{dataset_id}/audits", b'{"objective_options": {"q": %s}}'),
        (f"/v1/datasets/{dataset_id}/exports", b'{"dataset_version": %s}'),
        (f"/v1/audits/{audit_id}/queue/next", b'{"given_label": %s}'),
        (f"/v1/audits/{audit_id}/queue/release", b'{"sample_id": %s, "lease_id": "x"}'),
        (
            f"/v1/audits/{audit_id}/corrections",
            b'{"corrections": [{"sample_id": %s, "verdict": "keep"}]}',
        ),
        (
            f"/v1/audits/{audit_id}/corrections",
            b'{"corrections": [{"sample_id": "sample-00000", "verdict": "relabel",'
            b' "corrected_label": %s}]}',
        ),
        (
            f"/v1/audits/{audit_id}/corrections",
            b'{"corrections": [{"sample_id": "sample-00000", "verdict": "keep",'
            b' "supersedes": %s}]}',
        ),
    ]
    wrong = []
    for path, template in places:
        answer = admin.post(path, content=template % value)
        if answer.status_code >= 500:
            wrong.append((template, answer.status_code))
        elif answer.status_code >= 400:
            check_problem(answer)
    assert wrong == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"name": }', b"nonsense", b"\x00"])
def test_what_is_no_json_is_a_problem_of_the_callers(admin, body):
    answer = admin.post("/v1/keys", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    check_problem(answer)


def test_an_unknown_field_is_refused_by_its_pointer(admin):
    answer = admin.post("/v1/keys", json={"name": "x", "colour": "red"})
    assert answer.status_code == 422
    assert check_problem(answer)["errors"] == [
        {"pointer": "/colour", "detail": "Extra inputs are not permitted"}
    ]


def test_an_unknown_field_deep_inside_has_its_full_pointer(admin):
    answer = admin.post(
        "/v1/audits/x/corrections",
        json={"corrections": [{"sample_id": "s", "verdict": "keep", "colour": "red"}]},
    )
    assert answer.status_code == 422
    assert check_problem(answer)["errors"][0]["pointer"] == "/corrections/0/colour"


def test_every_wrong_field_is_listed(admin):
    answer = admin.post("/v1/keys", json={"name": "", "role": "king", "colour": "red"})
    pointers = {error["pointer"] for error in check_problem(answer)["errors"]}
    assert pointers == {"/name", "/role", "/colour"}


def test_a_refused_value_is_not_sent_back(admin):
    answer = admin.post("/v1/keys", json={"name": "x", "role": "a-secret-typed-by-mistake"})
    assert answer.status_code == 422
    assert "a-secret-typed-by-mistake" not in answer.text


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/v1/datasets?limit=0", "limit"),
        ("/v1/datasets?limit=many", "limit"),
        ("/v1/audits/x/suspects?tier=worst", "tier.0"),
    ],
)
def test_a_wrong_parameter_is_named(admin, path, parameter):
    answer = admin.get(path)
    assert answer.status_code == 422
    error = check_problem(answer)["errors"][0]
    assert (error["parameter"], "pointer" in error) == (parameter, False)


def test_a_wrong_header_is_named(admin):
    answer = admin.post("/v1/uploads", headers={"Upload-Length": "-1"})
    error = check_problem(answer)["errors"][0]
    assert (error["header"].lower(), "pointer" in error) == ("upload-length", False)


def test_an_unknown_path_and_a_wrong_method_are_problems_too(admin):
    assert check_problem(admin.get("/v1/nothing"))["status"] == 404
    answer = admin.put("/v1/datasets")
    assert check_problem(answer)["status"] == 405
    assert answer.headers["allow"] == "GET, POST"


def test_the_callers_request_id_is_kept_if_it_is_harmless(admin):
    kept = admin.get("/v1/nothing", headers={"X-Request-ID": "trace-0123.abc"})
    assert check_problem(kept)["request_id"] == "trace-0123.abc"
    replaced = admin.get("/v1/nothing", headers={"X-Request-ID": "<script>alert(1)</script>"})
    assert "script" not in check_problem(replaced)["request_id"]


@pytest.fixture
def added_routes(app: FastAPI) -> Iterator[None]:
    """Routes that a test adds go when it ends: other tests share the application."""
    before = list(app.router.routes)
    yield
    app.router.routes[:] = before


def fail_with(app: FastAPI, error: Exception) -> None:
    @app.get("/v1/failing")
    def failing() -> None:
        raise error


@pytest.mark.usefixtures("added_routes")
def test_an_unexpected_error_tells_nothing_but_where_to_look(app, call_as):
    fail_with(app, RuntimeError("the password is hunter2"))
    answer = call_as(Role.admin).get("/v1/failing")
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert "request_id" in check_problem(answer)["detail"]


@pytest.mark.usefixtures("added_routes")
def test_a_database_that_is_away_asks_to_try_again(app, call_as):
    fail_with(app, OperationalError("SELECT secret", {}, Exception("connection refused")))
    answer = call_as(Role.admin).get("/v1/failing")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"
    assert "secret" not in answer.text
    check_problem(answer)


@pytest.mark.usefixtures("added_routes")
@pytest.mark.parametrize(
    "error",
    [
        PoolTimeout("QueuePool limit reached"),
        InterfaceError("SELECT 1", {}, Exception("the connection is closed")),
        DBAPIError("SELECT 1", {}, Exception("terminated"), connection_invalidated=True),
    ],
    ids=["no connection left", "closed", "cut"],
)
def test_a_connection_that_is_not_to_be_had_asks_to_try_again(app, call_as, error):
    fail_with(app, error)
    answer = call_as(Role.admin).get("/v1/failing")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    check_problem(answer)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/datasets/%00",
        "/v1/audits/%00",
        "/v1/audits/%ff%fe",
        "/v1/datasets?cursor=%00",
        "/v1/audits?dataset_id=%00",
    ],
)
def test_naughty_paths_and_queries_are_never_our_fault(admin, path):
    answer = admin.get(path)
    assert answer.status_code < 500
    if answer.status_code >= 400:
        check_problem(answer)


def test_a_database_on_a_full_disk_is_told_as_that_and_not_as_away(app, sqlite_url, settings):
    """SQLite itself says so here: it may grow by no page."""
    from service.api.app import create_app

    app = create_app(settings.model_copy(update={"database_url": sqlite_url}))
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        database = app.state.resources.database
        with database.write() as session:
            _, token = create_key(session, name="the admin", role=Role.admin)
        with database.write() as session:
            pages = session.scalar(text("PRAGMA page_count"))
            session.execute(text(f"PRAGMA max_page_count = {pages}"))
        headers = {"Authorization": f"Bearer {token}"}
        for number in range(200):
            body = {"name": f"{number} " + "x" * 150, "role": "viewer"}
            answer = client.post("/v1/keys", json=body, headers=headers)
            if answer.status_code != 201:
                break
        assert (answer.status_code, answer.json()["type"]) == (
            507,
            "/problems/insufficient-storage",
        )
        assert int(answer.headers["retry-after"]) > 0
        assert client.get("/v1/keys", headers=headers).status_code == 200
        check_problem(answer)


@pytest.mark.usefixtures("added_routes")
def test_a_disk_that_is_full_is_told_as_that(app, call_as):
    try:
        Path("/dev/full").write_bytes(b"x")
    except OSError as error:
        fail_with(app, error)
    answer = call_as(Role.admin).get("/v1/failing")
    assert (answer.status_code, answer.json()["type"]) == (507, "/problems/insufficient-storage")
    check_problem(answer)


@pytest.mark.usefixtures("added_routes")
def test_a_database_that_others_write_to_is_busy_and_not_away(app, call_as, tmp_path):
    path = tmp_path / "busy.sqlite3"
    with sqlite3.connect(path, isolation_level=None) as holder:
        holder.execute("BEGIN IMMEDIATE")
        engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 0})
        with pytest.raises(OperationalError) as caught, engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        engine.dispose()
    holder.close()
    fail_with(app, caught.value)
    answer = call_as(Role.admin).get("/v1/failing")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/database-busy")
    assert "send the request again" in answer.json()["detail"]
