"""Signing in with a cookie: what it may do, what it may not, and how it ends."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from labelaudit.enums import Role
from service.accounts import api_keys
from service.accounts.sessions import IDLE_TIMEOUT, LIFETIME
from service.api.app import create_app
from service.db.tables import BrowserSession, now

CSRF = {"X-CSRF": "1"}


@pytest.fixture
def browser(app, database):
    """Signed in as an admin; it carries its cookie by itself, and no key."""
    with database.write() as session:
        _, token = api_keys.create_key(session, name="Ann", role=Role.admin)
    client = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)
    answer = client.post("/v1/sessions", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 201
    return client


def test_the_cookie_is_out_of_scripts_and_foreign_pages_reach(app, database):
    with database.write() as session:
        _, token = api_keys.create_key(session, name="Ann", role=Role.admin)
    header = {"Authorization": f"Bearer {token}"}
    plain = TestClient(app, base_url="http://127.0.0.1:8321").post("/v1/sessions", headers=header)
    said = plain.headers["set-cookie"]
    assert said.startswith("labelaudit-8321=")
    assert "HttpOnly" in said
    assert "SameSite=lax" in said
    assert "Path=/" in said
    assert token not in said
    tls = TestClient(app, base_url="https://audit.example").post("/v1/sessions", headers=header)
    said = tls.headers["set-cookie"]
    assert said.startswith("__Host-labelaudit=")
    assert "Secure" in said
    assert "Domain" not in said


def test_a_signed_in_browser_reads_without_a_key(browser, anonymous):
    assert browser.get("/v1/me").json()["name"] == "Ann"
    assert browser.get("/v1/sign-in").json()["signed_in"] is True
    assert anonymous.get("/v1/sign-in").json()["signed_in"] is False


def test_what_a_proxy_asks_of_a_signed_in_browser_is_no_key(browser):
    assert browser.get("/v1/me", headers={"Authorization": "Basic YTpi"}).status_code == 200
    wrong = browser.get("/v1/me", headers={"Authorization": "Bearer la_00000000_guess"})
    assert wrong.status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {**CSRF, "Sec-Fetch-Site": "cross-site"},
        {**CSRF, "Sec-Fetch-Site": "same-site"},
        {**CSRF, "Origin": "https://evil.example"},
        {**CSRF, "Origin": "http://127.0.0.1:9999"},
        {**CSRF, "Origin": "null"},
    ],
)
def test_a_change_that_a_foreign_page_may_have_asked_for_is_refused(browser, headers):
    answer = browser.post("/v1/keys", json={"name": "Eve", "role": "admin"}, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/cross-site")
    assert [key["name"] for key in browser.get("/v1/keys").json()["items"]] == ["Ann"]


def test_a_change_from_the_services_own_page_is_carried_out(browser):
    own = {**CSRF, "Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}
    assert browser.post("/v1/keys", json={"name": "Ben"}, headers=own).status_code == 201


def test_a_key_needs_no_such_proof(admin):
    headers = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    assert admin.post("/v1/keys", json={"name": "Ben"}, headers=headers).status_code == 201


def test_signing_out_ends_the_cookie_itself_not_only_its_copy_in_the_browser(browser):
    stolen = dict(browser.cookies)
    assert browser.delete("/v1/sessions/current", headers=CSRF).status_code == 204
    assert dict(browser.cookies) == {}
    browser.cookies.update(stolen)
    assert browser.get("/v1/me").status_code == 401


def test_signing_out_everywhere_ends_every_browser_of_that_person_alone(app, database):
    with database.write() as session:
        tokens = [
            api_keys.create_key(session, name=n, role=Role.annotator)[1] for n in ("Ann", "Ben")
        ]
    browsers = []
    for token in (tokens[0], tokens[0], tokens[1]):
        client = TestClient(app, base_url="http://127.0.0.1")
        client.post("/v1/sessions", headers={"Authorization": f"Bearer {token}"})
        browsers.append(client)
    assert len(browsers[0].get("/v1/sessions").json()["items"]) == 2
    assert browsers[0].delete("/v1/sessions", headers=CSRF).status_code == 204
    assert [client.get("/v1/me").status_code for client in browsers] == [401, 401, 200]


def test_one_ends_no_sign_in_of_others(app, browser, call_as):
    [mine] = browser.get("/v1/sessions").json()["items"]
    assert mine["current"] is True
    assert call_as(Role.annotator).delete(f"/v1/sessions/{mine['id']}").status_code == 404
    assert call_as(Role.annotator).get("/v1/sessions?everybody=true").status_code == 403
    assert call_as(Role.admin).delete(f"/v1/sessions/{mine['id']}").status_code == 204
    assert browser.get("/v1/me").status_code == 401


@pytest.mark.parametrize("end", ["revoke", "rotate", "expire"])
def test_a_sign_in_ends_with_its_key(browser, database, end):
    key_id = browser.get("/v1/me").json()["id"]
    with database.write() as session:
        if end == "revoke":
            api_keys.revoke_key(session, key_id)
        elif end == "rotate":
            api_keys.rotate_key(session, key_id)
        else:
            api_keys.get_key(session, key_id).expires_at = now() - timedelta(seconds=1)
    assert browser.get("/v1/me").status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"last_used_at": now() - IDLE_TIMEOUT},
        {"expires_at": now()},
        {"expires_at": now() - LIFETIME},
    ],
)
def test_a_sign_in_ends_when_it_is_idle_or_old(browser, database, change):
    with database.write() as session:
        session.execute(update(BrowserSession).values(**change))
    assert browser.get("/v1/me").status_code == 401


def test_only_a_hash_of_the_cookie_is_stored(browser, database):
    [value] = dict(browser.cookies).values()
    with database.read() as session:
        row = session.query(BrowserSession).one()
        assert value not in str(row.to_dict())


def test_uses_are_written_down_later(app, browser, database):
    app.state.resources.last_used.store()
    with database.read() as session:
        row = session.query(BrowserSession).one()
        assert row.last_used_at > row.created_at
        assert api_keys.get_key(session, row.key_id).last_used_at is not None


def test_signing_in_and_out_is_in_the_access_log(browser, admin):
    browser.delete("/v1/sessions/current", headers=CSRF)
    log = admin.get("/v1/access-log").json()["items"]
    mine = [one for one in log if one["by"] and one["by"]["name"] == "Ann"]
    assert [one["action"] for one in mine] == ["sign_out", "sign_in"]
    assert len({one["by"]["id"] for one in mine}) == 1
    assert all(one["request_id"] and one["address"] for one in mine)


def test_of_too_many_sessions_of_one_person_the_oldest_end(settings, database):
    limited = settings.model_copy(update={"sessions_per_person": 2})
    with database.write() as session:
        ann, ben = (
            {"Authorization": f"Bearer {api_keys.create_key(session, name=n, role=Role.viewer)[1]}"}
            for n in ("Ann", "Ben")
        )
    with TestClient(create_app(limited), base_url="http://127.0.0.1") as first:
        others = [TestClient(first.app, base_url="http://127.0.0.1") for _ in range(3)]
        browsers = [first, *others]
        for browser, key in zip(browsers, (ann, ben, ann, ann), strict=True):
            assert browser.post("/v1/sessions", headers=key).status_code == 201
        assert [one.get("/v1/me").status_code for one in browsers] == [401, 200, 200, 200]
        assert len(others[2].get("/v1/sessions").json()["items"]) == 2
