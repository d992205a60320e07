"""Who is let in, and where."""

import re
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from service import keys
from service.models import Role, now

OPEN = {"/livez", "/readyz"}  # what an operator's probes call, without a key


def operations(app: FastAPI) -> list[tuple[str, str]]:
    """Every method and path of the API, with something unknown in the place of each parameter."""
    return [
        (method.upper(), re.sub(r"{[^}]*}", "unknown", path))
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    ]


def routes(router: Any) -> list[APIRoute]:
    """Every API route, however deep its router is included; those outside the schema too."""
    found: list[APIRoute] = []
    for route in router.routes:
        if isinstance(route, APIRoute):
            found.append(route)
        elif hasattr(route, "original_router"):
            found += routes(route.original_router)
    return found


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
    for method, path in operations(app):
        answer = call(anonymous, method, path)
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
        _, token = keys.create_key(session, name="Ann", role=Role.admin)
    assert anonymous.get("/v1/me", params={"token": token, "key": token}).status_code == 401


def test_a_revoked_key_is_refused_from_the_next_request_on(admin, call_as):
    created = admin.post("/v1/keys", json={"name": "Ben"}).json()
    client = call_as(None)
    client.headers["Authorization"] = f"Bearer {created['token']}"
    assert client.get("/v1/me").json() == {"name": "Ben", "role": "annotator"}
    admin.delete(f"/v1/keys/{created['id']}")
    assert client.get("/v1/me").status_code == 401


def test_an_expired_key_is_refused(anonymous, database):
    with database.write() as session:
        _, token = keys.create_key(
            session, name="Ann", role=Role.admin, expires_at=now() - timedelta(seconds=1)
        )
    answer = anonymous.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401


FOR_UPLOADERS = [
    ("POST", "/v1/datasets"),
    ("DELETE", "/v1/datasets/unknown"),
    ("POST", "/v1/datasets/unknown/columns"),
    ("POST", "/v1/datasets/unknown/audits"),
    ("POST", "/v1/audits/unknown/cancel"),
    ("POST", "/v1/audits/unknown/predict"),
]
FOR_UPLOADERS += [(method, "/v1/uploads") for method in ("GET", "OPTIONS", "POST")]
FOR_UPLOADERS += [(method, "/v1/uploads/unknown") for method in ("GET", "HEAD", "PATCH", "DELETE")]
FOR_ADMINS = [
    ("POST", "/v1/keys"),
    ("GET", "/v1/keys"),
    ("DELETE", "/v1/keys/unknown"),
    ("GET", "/metrics"),
]


def test_each_role_is_let_in_exactly_where_it_belongs(app, annotator, uploader, admin):
    wrong = []
    for method, path in operations(app):
        if path in OPEN:
            continue
        for client, closed in (
            (annotator, FOR_UPLOADERS + FOR_ADMINS),
            (uploader, FOR_ADMINS),
            (admin, []),
        ):
            answer = call(client, method, path)
            if (answer.status_code == 403) != ((method, path) in closed):
                wrong.append((method, path, answer.status_code))
    assert wrong == []


def test_a_role_that_is_too_low_is_told_which_it_needs(annotator):
    answer = annotator.get("/v1/keys")
    assert answer.json()["type"] == "/problems/not-permitted"
    assert "`admin`" in answer.json()["detail"]


def test_unknown_ids_are_not_found_by_any_operation(app, admin):
    wrong = []
    for method, path in operations(app):
        if "unknown" not in path:
            continue
        bodies = {
            "/queue/renew": {"sample_id": "x", "lease_id": "y"},
            "/queue/release": {"sample_id": "x", "lease_id": "y"},
            "/corrections": {"corrections": [{"sample_id": "x", "verdict": "keep"}]},
            "/predict": {"texts": ["x"]},
        }
        end = next((body for end, body in bodies.items() if path.endswith(end)), {})
        answer = admin.request(method, path, json=end if method == "POST" else None)
        expected = 422 if path.endswith(".unknown") else 404
        if answer.status_code != expected:
            wrong.append((method, path, answer.status_code, answer.text[:200]))
    assert wrong == []
