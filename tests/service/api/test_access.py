"""Who is let in, and where."""

import re
from collections.abc import Mapping
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from labelaudit.enums import Role, Scope
from service.accounts import api_keys
from service.api.dependencies import require
from service.core.principal import ROLE_SCOPES
from service.db.tables import Model, now
from tests.support.factories import Store, make_audit, make_dataset, sample_id

# what an operator's probes call, and what a page asks before anybody is signed in
OPEN = {"/livez", "/readyz", "/v1/sign-in", "/v1/sign-in/oidc", "/v1/sign-in/oidc/code"}


def operations(
    app: FastAPI, ids: Mapping[str, str] = MappingProxyType({})
) -> list[tuple[str, str, str]]:
    """Method, path and address of everything the API does. Parameters are filled in from `ids`,
    those that take one of a few words with the first of them, the rest with "unknown"."""
    found = []
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            named = {p["name"]: p["schema"] for p in operation.get("parameters", ())}
            address = re.sub(
                r"{([^}]*)}",
                lambda name, named=named: _value(name[1], named[name[1]], ids),  # type: ignore[misc]
                path,
            )
            found.append((method.upper(), path, address))
    return found


def _value(name: str, schema: dict[str, Any], ids: Mapping[str, str]) -> str:
    return quote(str(schema.get("enum", [ids.get(name, "unknown")])[0]), safe="")


def routes(router: Any) -> list[APIRoute]:
    """Every API route, however deep its router is included; those outside the schema too."""
    found: list[APIRoute] = []
    for route in router.routes:
        if isinstance(route, APIRoute):
            found.append(route)
        elif hasattr(route, "original_router"):
            found += routes(route.original_router)
    return found


UNSAID = object()


def scopes_of(app: FastAPI) -> dict[tuple[str, str], Any]:
    """The scopes one of which each operation needs; none where anybody recognised is let in."""
    return {
        (method, route.path.replace(":path", "")): _scope(route.dependant)
        for route in routes(app)
        if route.include_in_schema
        for method in route.methods
    }


def _scope(dependant: Any) -> Any:
    checks = [one.call for one in dependant.dependencies if isinstance(one.call, require)]
    return checks[0].scopes if checks else UNSAID


def call(client: TestClient, method: str, path: str):
    body = b"label,text\na,b\n" if (method, path) == ("POST", "/v1/datasets") else b"{}"
    return client.request(method, path, content=body if method == "POST" else None)


def test_every_v1_route_is_in_the_document(app):
    documented = set(app.openapi()["paths"])
    undocumented = {
        route.path
        for route in routes(app)
        if route.path.startswith("/v1") and route.path.replace(":path", "") not in documented
    }
    assert undocumented == set()
    assert len(documented) > 20


def test_no_operation_answers_without_a_key(app, anonymous):
    wrong = []
    for method, path, address in operations(app):
        answer = call(anonymous, method, address)
        problem = answer.headers["content-type"] == "application/problem+json"
        if path not in OPEN and (answer.status_code != 401 or not problem):
            wrong.append((method, path, answer.status_code, answer.headers["content-type"]))
    assert wrong == []


def test_a_refusal_says_how_to_authenticate(anonymous):
    answer = anonymous.get("/v1/me")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["type"] == "/problems/not-authenticated"
    assert "Authorization: Bearer" in answer.json()["detail"]


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic dTpw", "Bearer la_x_y", "la_x_y", "Bearer é"]
)
def test_a_header_that_is_no_valid_key_is_refused(anonymous, header):
    answer = anonymous.get("/v1/me", headers={"Authorization": header.encode("latin-1")})
    assert answer.status_code == 401


def test_a_key_in_the_address_is_not_looked_at(anonymous, database):
    with database.write() as session:
        _, token = api_keys.create_key(session, name="Ann", role=Role.admin)
    assert anonymous.get("/v1/datasets", params={"name": token}).status_code == 401
    answer = anonymous.get("/v1/me", params={"token": token})
    assert (answer.status_code, token in answer.text) == (422, False)


def test_a_revoked_key_is_refused_from_the_next_request_on(admin, call_as):
    created = admin.post("/v1/keys", json={"name": "Ben"}).json()
    client = call_as(None)
    client.headers["Authorization"] = f"Bearer {created['token']}"
    assert client.get("/v1/me").json()["name"] == "Ben"
    admin.delete(f"/v1/keys/{created['id']}")
    assert client.get("/v1/me").status_code == 401


def test_an_expired_key_is_refused(anonymous, database):
    with database.write() as session:
        _, token = api_keys.create_key(
            session, name="Ann", role=Role.admin, expires_at=now() - timedelta(seconds=1)
        )
    answer = anonymous.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401


# Written out, so that nobody opens one of these by mistake; the other routes say it themselves.
GUARDED = {
    ("DELETE", "/v1/datasets/{dataset_id}"): Scope.datasets_write,
    ("PUT", "/v1/datasets/{dataset_id}/members/{key_id}"): Scope.datasets_write,
    ("POST", "/v1/datasets/{dataset_id}/audits"): Scope.audits_run,
    ("POST", "/v1/audits/{audit_id}/predict"): Scope.audits_run,
    ("GET", "/v1/exports/{export_id}/file"): Scope.export,
    ("GET", "/v1/audits/{audit_id}/suspects.{format}"): Scope.export,
    ("GET", "/v1/audits/{audit_id}/classifier/{file}"): Scope.export,
    ("GET", "/v1/audits/{audit_id}/arrays/{name}.npz"): Scope.export,
    ("DELETE", "/v1/audits/{audit_id}"): Scope.audits_run,
    ("POST", "/v1/audits/{audit_id}/corrections"): Scope.review_write,
    ("POST", "/v1/audits/{audit_id}/reverts"): Scope.review_write,
    ("GET", "/v1/access-log/service"): Scope.tenants,
    ("POST", "/v1/tenants"): Scope.tenants,
}
FOR_KEY_MANAGERS = {
    ("POST", "/v1/keys"),
    ("GET", "/v1/keys"),
    ("GET", "/v1/keys/{key_id}"),
    ("POST", "/v1/keys/{key_id}/rotate"),
    ("DELETE", "/v1/keys/{key_id}"),
    ("GET", "/v1/access-log"),
}


@pytest.mark.parametrize("role", list(Role))
def test_each_role_is_let_in_exactly_where_its_scopes_open(app, call_as, role):
    needs = scopes_of(app)
    assert {key: (scope,) for key, scope in GUARDED.items()}.items() <= needs.items()
    assert {needs[operation] for operation in FOR_KEY_MANAGERS} == {(Scope.admin, Scope.tenants)}
    wrong = []
    for method, path, address in operations(app):
        if path in OPEN:
            continue
        scopes = needs[method, path]
        closed = scopes and not ROLE_SCOPES[role].intersection(scopes)
        # of its own each time: signing out everywhere is one of the operations
        answer = call(call_as(role), method, address)
        if (answer.status_code == 403) != bool(closed):
            wrong.append((method, path, answer.status_code))
    assert wrong == []


# A protocol of another program asks these by POST; they change nothing, as a test below says.
ASKED_BY_POST = {
    ("POST", f"/v1/audits/{{audit_id}}/label-studio/{name}")
    for name in ("setup", "predict", "train", "webhook")
}


def test_whoever_may_only_look_changes_nothing_but_their_own_sign_ins(app):
    changes = [
        operation
        for operation, scope in scopes_of(app).items()
        if operation[0] not in ("GET", "HEAD") and scope in ((), (Scope.review_read,))
    ]
    assert [
        one for one in changes if not one[1].startswith("/v1/sessions") and one not in ASKED_BY_POST
    ] == []
    assert set(changes) >= ASKED_BY_POST


def test_what_is_asked_by_post_changes_no_row(app, store, call_as):
    audit_id, client = make_audit(store, make_dataset(store)), call_as(Role.viewer)
    bodies = {"predict": {"tasks": [{"id": 1, "data": {"sample_id": sample_id(1)}}]}}
    before = all_rows(store)
    for method, path in sorted(ASKED_BY_POST):
        address = path.format(audit_id=audit_id)
        body = bodies.get(path.rpartition("/")[2], {})
        assert client.request(method, address, json=body).status_code == 200, address
    assert all_rows(store) == before


def all_rows(store: Store) -> dict[str, list[Any]]:
    with store.database.read() as session:
        return {
            table.name: sorted(map(repr, session.execute(table.select())))
            for table in Model.metadata.sorted_tables
        }


def test_every_route_says_which_scope_it_needs(app):
    """Whoever adds a route says who may call it, or it does not pass here."""
    silent = [
        operation
        for operation, scope in scopes_of(app).items()
        if scope is UNSAID and operation[1] not in OPEN
    ]
    assert silent == []


def test_no_route_opens_a_session_that_is_not_its_callers():
    """`Resources.read` and `write` take the caller; the database itself is for these alone."""
    free = {"background.py", "dependencies.py", "health.py"}
    sources = [
        file
        for file in Path(str(files("service.api"))).rglob("*.py")
        if file.name not in free and file.name != "__init__.py"
    ]
    assert len(sources) > 25
    for file in sources:
        source = file.read_text(encoding="utf-8")
        assert not re.search(r"database\.(read|write)\(", source), file.name
        if file.name not in {"tenants.py", "access_log.py"}:  # whose callers are operators
            assert "for_every_tenant" not in source, file.name


def test_a_role_that_is_too_low_is_told_which_it_needs(annotator):
    answer = annotator.get("/v1/keys")
    assert answer.json()["type"] == "/problems/not-permitted"
    assert "`admin`" in answer.json()["detail"]


BODIES = {
    "/apply": {"level": 0.9},
    "/queue/renew": {"sample_id": "x", "lease_id": "y"},
    "/queue/release": {"sample_id": "x", "lease_id": "y"},
    "/corrections": {"corrections": [{"sample_id": "x", "verdict": "keep"}]},
    "/label-studio/predict": {"tasks": []},
    "/predict": {"texts": ["x"]},
    "/members": {"shared": True},
    "/review-settings": {"opinions": 2},
    "/assignments": {"name": "cats", "people": ["x"]},
    "/comments": {"text": "blurred"},
    "/reverts": {"batch_id": "x"},
    "/tenants/unknown": {"status": "suspended"},
}


def ask_about(client: TestClient, method: str, address: str):
    """A call that is valid otherwise, so that what it names decides the answer."""
    body = next((body for end, body in BODIES.items() if address.endswith(end)), {})
    sent = body if method in ("POST", "PUT", "PATCH") else None
    query = {"label": "cat"} if address.endswith("/typical-samples") else None
    return client.request(method, address, json=sent, params=query)


def test_unknown_ids_are_not_found_by_any_operation(app, admin, call_as):
    wrong, operator = [], call_as(Role.operator)
    for method, path, address in operations(app):
        if "{" in path:
            caller = operator if path.startswith("/v1/tenants") else admin
            answer = ask_about(caller, method, address)
            if answer.status_code != 404:
                wrong.append((method, path, answer.status_code, answer.text[:200]))
    assert wrong == []
