"""How often one may call, what is refused at the start, and what every answer carries."""

import time
from contextlib import suppress

import pytest
from starlette.testclient import TestClient

from labelaudit.enums import Role
from service.accounts import api_keys
from service.api import rate_limit
from service.api.app import create_app
from service.api.rate_limit import Limit
from service.core.config import Settings
from service.core.errors import TooManyRequests


def started(settings: Settings, **changes):
    return TestClient(create_app(settings.model_copy(update=changes)), base_url="http://127.0.0.1")


def bearer(database, role=Role.annotator):
    with database.write() as session:
        return {"Authorization": f"Bearer {api_keys.create_key(session, name='Ann', role=role)[1]}"}


def test_one_call_too_many_is_told_when_to_come_again_and_others_are_not_held_up(
    settings, database
):
    ann, ben = bearer(database), bearer(database)
    with started(settings, rate_limit="3/minute") as client:
        assert [client.get("/v1/me", headers=ann).status_code for _ in range(4)] == [200] * 3 + [
            429
        ]
        refused = client.get("/v1/me", headers=ann)
        assert refused.json()["type"] == "/problems/rate-limited"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert client.get("/v1/me", headers=ben).status_code == 200


def test_failed_sign_ins_are_limited_by_address_and_lock_nobody_out(settings, database):
    ann = bearer(database)
    wrong = {"Authorization": "Bearer la_00000000_guess"}
    with started(settings, failed_sign_in_limit="2/minute") as client:
        statuses = [client.get("/v1/me", headers=wrong).status_code for _ in range(4)]
        assert statuses == [401, 401, 429, 429]
        assert client.get("/v1/me", headers=ann).status_code == 200


def test_refusals_are_in_the_access_log_and_guesses_fill_it_no_faster_than_their_limit(
    settings, database
):
    admin, ann = bearer(database, Role.admin), bearer(database)
    wrong = {"Authorization": "Bearer la_00000000_guess"}
    with started(settings, failed_sign_in_limit="2/minute") as client:
        for _ in range(5):
            client.get("/v1/me", headers=wrong)
        client.get("/v1/keys", headers=ann)
        [entry] = [
            one
            for one in client.get("/v1/access-log", headers=admin).json()["items"]
            if one["action"] == "refused"
        ]
    refused = (entry["by"]["name"], entry["subject"], entry["outcome"])
    assert refused == ("Ann", "GET /v1/keys", "refused")
    from service.db.tables import AccessEntry

    with database.read() as session:
        unknown = session.query(AccessEntry).filter_by(tenant_id=None).all()
    assert len(unknown) == 2
    assert all("guess" not in str(entry.to_dict()) for entry in unknown)


def test_without_redis_each_process_counts_for_itself():
    limit = Limit("calls", "2/minute", "redis://127.0.0.1:1")
    for _ in range(2):
        limit.count("ann")
    with pytest.raises(TooManyRequests) as caught:
        limit.count("ann")
    assert caught.value.retry_after is not None


def test_two_processes_count_together_in_redis(private_redis):
    one, other = (Limit("calls", "2/minute", private_redis) for _ in range(2))
    one.count("ann")
    other.count("ann")
    with pytest.raises(TooManyRequests):
        one.count("ann")


def test_processes_that_are_granted_many_calls_at_a_time_allow_no_more_together(private_redis):
    one, other = (Limit("calls", "450/minute", private_redis) for _ in range(2))
    allowed = 0
    for limit in (one, other) * 300:
        with suppress(TooManyRequests):
            limit.count("ann")
            allowed += 1
    assert allowed == 450
    one.count("ben")


def test_what_was_granted_is_not_used_once_its_time_is_over(monkeypatch):
    limit = Limit("calls", "200/minute")
    limit.count("ann")
    asked = []
    monkeypatch.setattr(limit, "_ask", lambda _item, name: asked.append(name) or (2, 0.0))
    limit.count("ann")  # the second of two
    assert asked == []
    limit.count("ann")
    later = time.monotonic() + 61
    monkeypatch.setattr(rate_limit.time, "monotonic", lambda: later)  # type: ignore[attr-defined]
    limit.count("ann")
    assert asked == ["ann", "ann"]


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("postgresql://labelaudit@db/labelaudit", "no password"),
        ("postgresql://labelaudit:labelaudit@db/labelaudit", "easy to guess"),
        ("postgresql://labelaudit:changeme@db/labelaudit", "easy to guess"),
        ("postgresql://labelaudit:short@db/labelaudit", "easy to guess"),
    ],
)
def test_a_secret_that_is_missing_or_can_be_guessed_is_refused_at_the_start(url, fault):
    [told] = Settings(database_url=url).errors()
    assert fault in told
    assert "short" not in told
    assert "changeme" not in told


def test_a_random_password_and_a_database_on_this_machine_are_accepted():
    for url in ("postgresql://u:0123456789abcdef@db/x", "postgresql://u@127.0.0.1/x"):
        assert Settings(database_url=url).errors() == []


def test_what_shows_the_service_off_is_shut_in_production(settings):
    with started(settings, show_docs=None) as client:
        assert client.get("/docs").status_code == 404
        assert client.get("/openapi.json").status_code == 404
        assert client.get("/metrics").status_code == 401
    with started(settings, show_docs=True) as client:
        assert client.get("/openapi.json").status_code == 200


def test_every_answer_forbids_what_it_does_not_need(settings, database):
    with started(settings) as client:
        plain = client.get("/v1/me")
        tls = client.get("https://127.0.0.1/v1/me")
    for name in ("x-content-type-options", "referrer-policy", "cross-origin-resource-policy"):
        assert name in plain.headers
    assert "strict-transport-security" not in plain.headers
    assert tls.headers["strict-transport-security"] == "max-age=31536000"


def test_other_origins_are_let_in_by_name_alone_and_never_with_cookies(settings):
    asked = {"Origin": "https://friend.example", "Access-Control-Request-Method": "GET"}
    with started(settings) as client:
        assert "access-control-allow-origin" not in client.options("/v1/me", headers=asked).headers
    with started(settings, allowed_origins=["https://friend.example"]) as client:
        answer = client.options("/v1/me", headers=asked)
        assert answer.headers["access-control-allow-origin"] == "https://friend.example"
        assert "access-control-allow-credentials" not in answer.headers
        other = client.options("/v1/me", headers={**asked, "Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers
