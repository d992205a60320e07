"""Webhooks by the Python client, against a service that really sends."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from labelaudit import ApiError, Client
from labelaudit.enums import JobStatus
from service.core.config import Settings
from service.db.engine import Database
from service.db.migrate import upgrade
from tests.service.webhooks.receiver import Receiver, receiving
from tests.support.live import serving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def sender(tmp_path: Path, receiver: Receiver) -> Iterator[Client]:
    settings = Settings(
        data_dir=tmp_path / "data",
        free_space_watermark_bytes=0,
        workers=0,
        webhook_hosts=receiver.hosts,
        webhook_seconds=0.1,
    )
    database = Database(settings.resolved_database_url)
    upgrade(database)
    database.dispose()
    with serving(settings) as service, Client(service.url, service.token) as client:
        yield client


def test_from_a_registration_to_a_delivery_and_its_end(sender: Client, receiver: Receiver) -> None:
    created = sender.create_webhook(receiver.url, ["audit.completed"], description="ours")
    assert created.secret.startswith("whsec_")
    assert [one.id for one in sender.webhooks()] == [created.id]
    sent = sender.send_test_event(created.id)
    deadline = time.monotonic() + 20
    while sender.delivery(created.id, sent.id).status is not JobStatus.completed:
        assert time.monotonic() < deadline, sender.delivery(created.id, sent.id)
        time.sleep(0.05)
    assert [one.id for one in sender.deliveries(created.id, status="completed")] == [sent.id]
    assert list(sender.deliveries(created.id, status="failed")) == []
    assert receiver.received[0].headers["webhook-id"] == sent.id
    sender.retry_delivery(created.id, sent.id)

    rotated = sender.rotate_webhook_secret(created.id)
    assert rotated.secret != created.secret
    assert rotated.old_secret_until is not None
    changed = sender.update_webhook(created.id, enabled=False)
    assert (changed.enabled, changed.description) == (False, "ours")
    with pytest.raises(ApiError, match="disabled"):
        sender.send_test_event(created.id)
    sender.delete_webhook(created.id)
    assert sender.webhooks() == []
