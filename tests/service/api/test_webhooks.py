"""/v1/webhooks: who may, what is shown, what is refused."""

import pytest
from starlette.testclient import TestClient

from labelaudit.enums import Role
from service.core.config import Settings
from service.db.engine import Database
from service.db.tables import Webhook
from tests.conftest import CallAs

WANTED = {"url": "https://hooks.example.com/", "events": ["audit.failed", "audit.completed"]}


@pytest.fixture
def webhook(admin: TestClient) -> str:
    answer = admin.post("/v1/webhooks", json=WANTED)
    assert answer.status_code == 201, answer.text
    assert answer.json()["secret"].startswith("whsec_")
    location: str = answer.headers["location"]
    return location


def test_the_secret_is_shown_once(admin: TestClient, webhook: str) -> None:
    for address in ("/v1/webhooks", webhook, f"{webhook}/deliveries"):
        assert "whsec_" not in admin.get(address).text
    assert "whsec_" not in admin.patch(webhook, json={"description": "ours"}).text
    assert "whsec_" not in admin.get("/v1/access-log").text


def test_only_admins_manage_webhooks(call_as: CallAs, webhook: str) -> None:
    for role in set(Role) - {Role.admin}:
        assert call_as(role).get(webhook).status_code == 403
        assert call_as(role).post("/v1/webhooks", json=WANTED).status_code == 403


def test_addresses_and_events_are_checked(admin: TestClient, webhook: str) -> None:
    for method, address in (("POST", "/v1/webhooks"), ("PATCH", webhook)):
        other = {**WANTED, "url": "https://evil.example.org/"}
        refused = admin.request(method, address, json=other)
        assert refused.status_code == 422
        assert refused.json()["type"] == "/problems/webhook-address-refused"
        assert refused.json()["errors"][0]["pointer"] == "/url"
        for events in ([], ["audit.started"], ["webhook.test"]):
            answer = admin.request(method, address, json={**WANTED, "events": events})
            assert answer.status_code == 422


def test_a_disabled_webhook_sends_nothing(admin: TestClient, webhook: str) -> None:
    tried = admin.post(f"{webhook}/deliveries").headers["location"]
    assert admin.patch(webhook, json={"enabled": False}).json()["enabled"] is False
    for address in (f"{webhook}/deliveries", f"{tried}/retries"):
        refused = admin.post(address)
        assert refused.status_code == 409
        assert refused.json()["type"] == "/problems/webhook-disabled"
    assert admin.patch(webhook, json={"enabled": True}).json()["enabled"] is True
    assert admin.post(f"{tried}/retries").status_code == 202


def test_enabling_forgets_why_it_was_disabled(
    admin: TestClient, webhook: str, database: Database
) -> None:
    with database.write() as session:
        found = session.get_one(Webhook, webhook.rpartition("/")[2])
        found.enabled, found.disabled_reason = False, "The endpoint answered 410: it is gone."
    assert "410" in admin.get(webhook).json()["disabled_reason"]
    assert admin.patch(webhook, json={"enabled": True}).json()["disabled_reason"] is None


def test_deliveries_are_listed_by_status(admin: TestClient, webhook: str) -> None:
    first, second = (admin.post(f"{webhook}/deliveries").json() for _ in range(2))
    page = admin.get(f"{webhook}/deliveries", params={"limit": 1}).json()
    assert [one["id"] for one in page["items"]] == [second["id"]]
    rest = admin.get(f"{webhook}/deliveries", params={"cursor": page["next_cursor"]}).json()
    assert [one["id"] for one in rest["items"]] == [first["id"]]
    assert first["status"] == "queued"
    assert first["next_attempt_at"] == first["created_at"]
    failed = admin.get(f"{webhook}/deliveries", params={"status": "failed"}).json()
    assert failed["items"] == []


def test_an_organisation_has_a_limited_number(admin: TestClient) -> None:
    answers = [admin.post("/v1/webhooks", json=WANTED).status_code for _ in range(21)]
    assert answers == [201] * 20 + [409]


class TestWithoutHosts:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"webhook_hosts": []})

    def test_webhooks_are_off(self, admin: TestClient) -> None:
        refused = admin.post("/v1/webhooks", json=WANTED)
        assert refused.status_code == 409
        assert refused.json()["type"] == "/problems/webhooks-off"
        assert "LABELAUDIT_WEBHOOK_HOSTS" in refused.json()["detail"]


def test_a_new_secret_is_shown_once_and_noted(admin: TestClient, webhook: str) -> None:
    answer = admin.post(f"{webhook}/rotate")
    assert answer.status_code == 200
    assert answer.json()["secret"].startswith("whsec_")
    assert answer.json()["old_secret_until"] == admin.get(webhook).json()["old_secret_until"]
    assert "whsec_" not in admin.get(webhook).text
    [line] = admin.get("/v1/access-log", params={"action": "webhook.rotate"}).json()["items"]
    assert webhook.endswith(line["subject"])
    assert "whsec_" not in str(line)
