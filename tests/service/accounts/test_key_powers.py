"""Nobody hands out, takes over or ends what they do not hold: every act on keys, every pair."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from labelaudit.enums import Role, Scope
from service.accounts import api_keys, sessions, tenants
from service.accounts.principals import principal_of
from service.core.errors import NotFound, NotPermitted
from service.core.principal import OPERATORS, ROLE_SCOPES
from service.db.engine import Database
from service.db.tables import ApiKey
from tests.conftest import CallAs

Scopes = frozenset[Scope]

# What keys may have: each role, each scope alone, and each beside the scope that manages keys.
BUNDLES = sorted(
    {
        *ROLE_SCOPES.values(),
        *(frozenset({scope}) for scope in Scope),
        *(frozenset({scope, Scope.admin}) for scope in Scope),
    },
    key=sorted,
)


def create(session: Session, target: ApiKey) -> None:
    scopes = principal_of(target).all_scopes
    api_keys.create_key(session, name="new", role=Role.viewer, scopes=scopes)


def rotate(session: Session, target: ApiKey) -> None:
    api_keys.rotate_key(session, target.id)


def revoke(session: Session, target: ApiKey) -> None:
    api_keys.revoke_key(session, target.id)


ACTS: list[Callable[[Session, ApiKey], None]] = [create, rotate, revoke]


def key_of(session: Session, scopes: Scopes) -> ApiKey:
    """A key with these scopes; all of one organisation, so that only scopes decide."""
    key, _ = api_keys.create_key(session, name="key", role=Role.viewer, scopes=scopes)
    key.tenant_id = "default"
    session.flush()
    return key


@pytest.mark.parametrize("act", ACTS)
def test_an_act_on_a_key_needs_every_scope_of_it(
    database: Database, act: Callable[[Session, ApiKey], None]
) -> None:
    with database.write() as session:
        callers = {scopes: principal_of(key_of(session, scopes)) for scopes in BUNDLES}
        targets = {scopes: key_of(session, scopes).id for scopes in BUNDLES}
    wrong: list[Any] = []
    for held, wanted in product(BUNDLES, BUNDLES):
        with database.write(callers[held]) as session:
            target = session.get_one(ApiKey, targets[wanted])
            before = target.secret_hash, target.revoked_at
            try:
                act(session, target)
            except NotPermitted:
                permitted = False
                if before != (target.secret_hash, target.revoked_at):
                    wrong.append((sorted(held), sorted(wanted), "changed though refused"))
            else:
                permitted = True
            session.rollback()
        if permitted != (wanted <= held):
            wrong.append((sorted(held), sorted(wanted), permitted))
    assert wrong == []


def test_a_session_is_ended_by_its_owner_or_by_who_has_power_over_its_key(
    database: Database,
) -> None:
    with database.write() as session:
        callers = {scopes: principal_of(key_of(session, scopes)) for scopes in BUNDLES}
        rows = {}
        for scopes in BUNDLES:
            owner = principal_of(key_of(session, scopes))
            sessions.begin(session, owner, how="key", browser=None)
            rows[scopes] = owner, sessions.list_sessions(session, owner.key_id)[0][0].id
    wrong: list[Any] = []
    for held, wanted in product(BUNDLES, BUNDLES):
        owner, session_id = rows[wanted]
        for caller in (callers[held], owner):
            allowed = caller is owner or (caller.manages_keys and wanted <= held)
            with database.write(caller) as session:
                try:
                    sessions.end(session, session_id)
                except (NotPermitted, NotFound):
                    permitted = False
                else:
                    permitted = True
                session.rollback()
            if permitted != allowed:
                wrong.append((caller is owner, sorted(held), sorted(wanted), permitted))
    assert wrong == []


def test_ones_own_key_is_ones_own_to_end(database: Database) -> None:
    for scopes in BUNDLES:
        with database.write() as session:
            own = key_of(session, scopes)
        with database.write(principal_of(own)) as session:
            api_keys.revoke_key(session, own.id)


# ---------------------------------------------------------------------------------------- operators


def test_an_operators_key_belongs_to_no_organisation(database: Database) -> None:
    with database.write() as session:
        other, _ = tenants.create_tenant(session, name="Elsewhere", admin="Zoe")
        for scopes in (None, [Scope.metrics], [Scope.tenants, Scope.admin]):
            key, _ = api_keys.create_key(
                session, name="Oda", role=Role.operator, scopes=scopes, tenant_id=other.id
            )
            assert key.tenant_id == OPERATORS
        assert OPERATORS not in [tenant.id for tenant in tenants.list_tenants(session)]


def test_an_admin_neither_sees_nor_touches_operators(
    call_as: CallAs, admin: TestClient, database: Database
) -> None:
    operator = call_as(Role.operator)
    operator_id = operator.get("/v1/me").json()["id"]
    operator.post("/v1/sessions", headers={"X-CSRF": "1"})
    operator.cookies.clear()
    session_id = operator.get("/v1/sessions").json()["items"][0]["id"]
    assert operator_id not in [key["id"] for key in admin.get("/v1/keys").json()["items"]]
    assert admin.post(f"/v1/keys/{operator_id}/rotate").status_code == 404
    assert admin.delete(f"/v1/keys/{operator_id}").status_code == 404
    assert admin.delete(f"/v1/sessions/{session_id}").status_code == 404
    listed = admin.get("/v1/sessions", params={"everybody": True}).json()["items"]
    assert session_id not in [one["id"] for one in listed]
    log = admin.get("/v1/access-log").json()["items"]
    assert operator_id not in [entry["by"]["id"] for entry in log if entry["by"]]
    assert operator.get("/v1/me").json()["tenant_id"] == OPERATORS


def test_operators_manage_their_own_keys(call_as: CallAs, admin: TestClient) -> None:
    operator = call_as(Role.operator)
    admin_id = admin.get("/v1/me").json()["id"]
    made = operator.post("/v1/keys", json={"name": "Prometheus", "scopes": ["metrics"]})
    assert made.status_code == 201
    key_id = made.json()["id"]
    assert {key["name"] for key in operator.get("/v1/keys").json()["items"]} == {
        "the operator",
        "Prometheus",
    }
    assert operator.post(f"/v1/keys/{key_id}/rotate").status_code == 200
    assert operator.delete(f"/v1/keys/{key_id}").status_code == 204
    assert operator.post("/v1/keys", json={"name": "Ann"}).status_code == 403
    assert operator.delete(f"/v1/keys/{admin_id}").status_code == 404
    actions = [entry["action"] for entry in operator.get("/v1/access-log").json()["items"]]
    assert actions.count("key.rotate") == 1


def test_a_key_that_manages_keys_alone_does_not_rise_by_it(
    admin: TestClient, call_as: CallAs
) -> None:
    """It would be handed the token of whatever it rotates."""
    made = admin.post("/v1/keys", json={"name": "HR", "scopes": ["admin"]}).json()
    uploader = admin.post("/v1/keys", json={"name": "Uma", "role": "uploader"}).json()
    clerk = call_as(None)
    clerk.headers["Authorization"] = f"Bearer {made['token']}"
    for answer in (
        clerk.post(f"/v1/keys/{uploader['id']}/rotate"),
        clerk.delete(f"/v1/keys/{uploader['id']}"),
        clerk.post("/v1/keys", json={"name": "Ann"}),
    ):
        assert answer.status_code == 403
        assert "review:write" in answer.json()["detail"]
    assert clerk.delete(f"/v1/keys/{made['id']}").status_code == 204
    assert clerk.get("/v1/me").status_code == 401
