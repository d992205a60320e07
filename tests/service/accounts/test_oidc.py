"""Signing in elsewhere: the whole way there and back, and all answers not to be believed."""

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from labelaudit.enums import Role
from service.accounts import api_keys
from service.accounts.oidc import provider as provider_module
from service.core.config import Settings
from service.db.tables import AccessEntry, ApiKey, Tenant
from tests.support import oidc_provider

CSRF = {"X-CSRF": "1"}
HERE = "http://127.0.0.1"
# the rest runs on both kinds of database
ON_ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def running_provider():
    with oidc_provider.running() as provider:
        yield provider


@pytest.fixture
def provider(running_provider):
    running_provider.set(
        claims={}, lie=None, ways=["client_secret_basic", "client_secret_post"], redirect_uris=[]
    )
    return running_provider


@pytest.fixture
def more():
    """Settings that a test adds."""
    return {}


@pytest.fixture
def settings(settings: Settings, provider, more):
    told = Settings(**{**provider.settings(HERE), **more}, data_dir=settings.data_dir)
    changed = {name: getattr(told, name) for name in told.model_fields_set}
    return settings.model_copy(update=changed)


@pytest.fixture
def browser(app):
    return TestClient(app, base_url=HERE, headers=CSRF, raise_server_exceptions=False)


def go_there(browser: TestClient) -> dict[str, str]:
    """Begin here, approve there: what the provider sends the browser back with."""
    begun = browser.post("/v1/sign-in/oidc")
    assert begun.status_code == 200, begun.text
    page = httpx.get(begun.json()["address"])
    assert page.status_code == 200, page.text
    approved = httpx.get(begun.json()["address"].replace("/authorize", "/approve"))
    back = urlsplit(approved.headers["location"])
    assert f"{back.scheme}://{back.netloc}{back.path}" == f"{HERE}/sign-in"
    return {name: values[0] for name, values in parse_qs(back.query).items()}


def come_back(browser: TestClient, answer: dict[str, str]) -> Response:
    return browser.post("/v1/sign-in/oidc/code", json=answer)


def sign_in(browser: TestClient) -> Response:
    return come_back(browser, go_there(browser))


def refusals(database) -> list[str]:
    """The reasons in the access log; nobody was recognised, so no organisation sees them."""
    with database.read() as session:
        rows = session.query(AccessEntry).filter_by(action="refused").order_by(AccessEntry.id)
        return [row.detail["reason"] for row in rows]


def test_the_page_is_told_what_the_button_says(browser):
    assert browser.get("/v1/sign-in").json() == {
        "signed_in": False,
        "oidc_title": "Sign in with Example",
    }


def test_whoever_signs_in_elsewhere_has_the_role_of_their_group_here(browser, admin):
    assert sign_in(browser).status_code == 204
    me = browser.get("/v1/me").json()
    assert (me["name"], me["email"], me["role"]) == ("Ann Example", "ann@example.org", "admin")
    assert me["tenant_id"] == "default"
    log = admin.get("/v1/access-log").json()["items"]
    [entry] = [one for one in log if one["action"] == "sign_in"]
    assert (entry["by"]["name"], entry["detail"]) == ("Ann Example", {"how": "oidc"})
    assert entry["request_id"]
    assert "person.create" in {one["action"] for one in log}


def test_the_cookie_is_like_any_other_and_the_attempt_is_over(browser):
    answer = sign_in(browser)
    set_cookies = answer.headers.get_list("set-cookie")
    assert len(set_cookies) == 2
    assert all("HttpOnly" in one and "SameSite=lax" in one for one in set_cookies)
    assert set(browser.cookies) == {"labelaudit-80"}
    assert browser.post("/v1/keys", json={"name": "Ben"}, headers={"X-CSRF": "1"}).is_success
    assert browser.delete("/v1/sessions/current").status_code == 204
    assert browser.get("/v1/me").status_code == 401


def test_a_person_is_made_once_and_follows_their_groups(browser, provider, database):
    sign_in(browser)
    provider.set(claims={"name": "Ann Married", "groups": "label-reviewers"})
    assert sign_in(browser).status_code == 204
    me = browser.get("/v1/me").json()
    assert (me["name"], me["role"]) == ("Ann Married", "annotator")
    with database.read() as session:
        [person] = session.query(ApiKey).filter(ApiKey.subject.isnot(None))
        assert (person.issuer, person.secret_hash) == (provider.issuer, None)


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        ("wrong issuer", "'iss'"),
        ("wrong audience", "'aud'"),
        ("made for another client", "another client"),
        ("several audiences, no party", "another client"),
        ("wrong nonce", "'nonce'"),
        ("no nonce", "'nonce'"),
        ("expired", "expired"),
        ("odd expiry", "'exp'"),
        ("alg none", "'none'"),
        ("alg HS256 with the public key", "'HS256'"),
        ("wrong signature", "bad_signature"),
        ("changed after signing", "bad_signature"),
        ("unknown key", "kid"),
        ("no token at all", "decode_error"),
    ],
)
def test_a_token_that_does_not_hold_is_refused(browser, provider, database, lie, reason):
    provider.set(lie=lie)
    answer = sign_in(browser)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (401, "/problems/sign-in-refused")
    assert reason in problem["detail"]
    assert refusals(database) == [problem["detail"]]
    assert browser.get("/v1/sign-in").json()["signed_in"] is False
    with database.read() as session:
        assert session.query(ApiKey).filter(ApiKey.subject.isnot(None)).count() == 0


def test_an_answer_to_another_sign_in_is_refused(app, browser, database):
    """Somebody else's answer, slipped to a browser, must not sign it in as them."""
    answer = go_there(TestClient(app, base_url=HERE, headers=CSRF))
    assert come_back(browser, answer).status_code == 401
    go_there(browser)
    assert come_back(browser, answer).status_code == 401
    assert come_back(browser, {**answer, "state": "ü"}).status_code == 401
    reasons = refusals(database)
    assert "not started in this browser" in reasons[0]
    assert "another sign-in" in reasons[1]


def test_a_stolen_code_is_worth_nothing_in_another_browser(app, browser):
    stolen = go_there(browser)["code"]
    thief = TestClient(app, base_url=HERE, headers=CSRF)
    own = go_there(thief)
    answer = come_back(thief, {**own, "code": stolen})
    assert answer.status_code == 401
    assert "rejected the code" in answer.json()["detail"]


def test_a_code_works_once(browser):
    answer = go_there(browser)
    cookies = dict(browser.cookies)
    assert come_back(browser, answer).status_code == 204
    browser.cookies.update(cookies)
    assert come_back(browser, answer).status_code == 401


def test_a_page_of_others_can_neither_begin_nor_end_a_sign_in(browser):
    answer = go_there(browser)
    del browser.headers["x-csrf"]
    assert browser.post("/v1/sign-in/oidc").status_code == 403
    assert come_back(browser, answer).json()["type"] == "/problems/cross-site"


def test_new_keys_of_the_provider_are_fetched_when_they_are_met(browser, provider):
    assert sign_in(browser).status_code == 204
    provider.set(rotate=True)
    assert sign_in(browser).status_code == 204


def test_a_provider_that_wants_the_secret_in_the_body_gets_it_there(browser, provider):
    provider.set(ways=["client_secret_post"])
    assert sign_in(browser).status_code == 204


def test_nobody_without_a_group_that_counts_gets_in(browser, provider, database):
    provider.set(claims={"groups": ["everybody"]})
    answer = sign_in(browser)
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/not-permitted")
    assert refusals(database) == ["None of your groups gives you a role here. Contact an admin."]


@pytest.mark.parametrize("more", [{"oidc_default_role": "viewer"}])
def test_a_role_for_everybody_else_is_a_setting(browser, provider):
    provider.set(claims={"groups": None})
    assert sign_in(browser).status_code == 204
    assert browser.get("/v1/me").json()["role"] == "viewer"


@ON_ONE_DATABASE
@pytest.mark.parametrize("more", [{"oidc_email_domains": ["Example.org"]}])
@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({}, 204),
        ({"email": "ann@EXAMPLE.ORG"}, 204),
        ({"email": "ann@evil.example"}, 403),
        ({"email": "ann@example.org.evil.example"}, 403),
        ({"email": "ann@sub.example.org"}, 403),
        ({"email_verified": False}, 403),
        ({"email_verified": None}, 403),
        ({"email": None}, 403),
    ],
)
def test_only_verified_addresses_of_the_named_domains_get_in(browser, provider, claims, status):
    provider.set(claims=claims)
    assert sign_in(browser).status_code == status


@pytest.mark.parametrize(
    "more", [{"oidc_tenant_claim": "org", "oidc_tenants": {"north": "tn_n", "south": "tn_s"}}]
)
def test_the_organisation_follows_a_claim_and_never_changes(browser, provider, database):
    with database.write() as session:
        session.add(Tenant(id="tn_n", name="N"))
    for claims, status in (
        ({"org": "north"}, 204),
        ({"org": ["north", "unheard of"]}, 204),
        ({"org": ["north", "south"]}, 403),
        ({"org": "south"}, 403),  # there is no such organisation yet
        ({"org": "west"}, 403),
        ({"org": None}, 403),
    ):
        provider.set(claims=claims)
        assert sign_in(browser).status_code == status, claims
    with database.write() as session:
        session.add(Tenant(id="tn_s", name="S"))
    assert browser.get("/v1/me").json()["tenant_id"] == "tn_n"
    provider.set(claims={"org": "south"})
    assert "another organisation" in sign_in(browser).json()["detail"]


def test_an_account_that_was_shut_stays_shut(browser, database):
    sign_in(browser)
    with database.write() as session:
        api_keys.revoke_key(session, browser.get("/v1/me").json()["id"])
    assert browser.get("/v1/me").status_code == 401
    answer = sign_in(browser)
    assert (answer.status_code, "disabled your account" in answer.json()["detail"]) == (403, True)


def test_a_persons_account_is_no_key(browser, anonymous):
    sign_in(browser)
    key_id = browser.get("/v1/me").json()["id"]
    for secret in ("", "x", "None"):
        header = {"Authorization": f"Bearer la_{key_id}_{secret}"}
        assert anonymous.get("/v1/me", headers=header).status_code == 401


def test_a_provider_under_another_name_is_not_used(browser, provider):
    provider.set(lie="other name")
    answer = browser.post("/v1/sign-in/oidc")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")


@pytest.mark.parametrize("more", [{"oidc_client_secret": "not the one agreed on"}])
def test_a_wrong_client_secret_is_the_operators_to_mend(browser):
    answer = sign_in(browser)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")


@pytest.mark.parametrize("more", [{"oidc_issuer": "http://127.0.0.1:9"}])
def test_a_silent_provider_is_a_passing_problem_and_keys_go_on_working(browser, admin):
    for _ in range(2):
        began = time.monotonic()
        answer = browser.post("/v1/sign-in/oidc")
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
        assert time.monotonic() - began < provider_module.RETRY_SECONDS
    assert admin.get("/v1/me").status_code == 200


@pytest.mark.parametrize("more", [{"oidc_issuer": ""}])
def test_without_a_provider_there_is_no_such_way(browser):
    assert browser.get("/v1/sign-in").json()["oidc_title"] is None
    assert browser.post("/v1/sign-in/oidc").status_code == 404
    assert come_back(browser, {"code": "x", "state": "y"}).status_code == 404


@pytest.mark.parametrize("more", [{"failed_sign_in_limit": "3/minute"}])
def test_failures_are_counted_against_the_address(browser):
    answers = [come_back(browser, {"code": "x", "state": "y"}).status_code for _ in range(5)]
    assert answers == [401, 401, 401, 429, 429]


GOOD: dict[str, Any] = {
    "oidc_issuer": "https://id.example",
    "oidc_client_id": "labelaudit",
    "oidc_client_secret": "agreed on with the provider",
    "oidc_roles": {"label-admins": Role.admin},
    "public_url": "https://audit.example",
}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({}, None),
        ({"oidc_client_secret": ""}, "CLIENT_SECRET"),
        ({"oidc_client_id": ""}, "CLIENT_ID"),
        ({"oidc_roles": {}}, "OIDC_ROLES"),
        ({"public_url": ""}, "PUBLIC_URL"),
        ({"public_url": "http://audit.example"}, "PUBLIC_URL"),
        ({"oidc_issuer": "http://id.example"}, "OIDC_ISSUER"),
    ],
)
def test_the_service_does_not_start_half_set_up(change, named):
    found = Settings(**{**GOOD, **change}).errors()
    assert found == [] if named is None else named in " ".join(found)


def test_the_client_secret_is_shown_nowhere():
    assert GOOD["oidc_client_secret"] not in repr(Settings(**GOOD))
