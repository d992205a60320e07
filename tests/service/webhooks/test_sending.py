"""What a receiver gets, and what becomes of a message that it does not take."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from labelaudit.enums import JobStatus, WebhookEvent
from service.audits import records as audits
from service.db.engine import Database
from service.db.tables import Tenant, Webhook, WebhookDelivery, now
from service.operations.cleanup import clean_up
from service.webhooks import deliveries
from service.webhooks import records as webhooks
from service.webhooks.signatures import signed_headers
from tests.service.webhooks.receiver import Receiver, receiving, register, send_due
from tests.support.factories import Store, make_audit, make_dataset, start_audit


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def all_deliveries(database: Database) -> list[WebhookDelivery]:
    with database.read() as session:
        return list(session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id)))


def make_due(database: Database) -> None:
    with database.write() as session:
        session.execute(update(WebhookDelivery).values(due_at=0.0))


def test_a_message_is_thin_and_signed_as_standard_webhooks_says(
    store: Store, receiver: Receiver
) -> None:
    _, secret = register(store.database, receiver.url, receiver.hosts)
    dataset_id = make_dataset(store)
    assert send_due(store.database, receiver.hosts) == 1
    (got,) = receiver.received
    message = json.loads(got.body)
    assert message.keys() == {"type", "timestamp", "data"}
    assert message["type"] == "dataset.completed"
    assert message["data"] == {"dataset_id": dataset_id, "status": "completed"}
    id, timestamp = got.headers["webhook-id"], got.headers["webhook-timestamp"]
    assert abs(int(timestamp) - time.time()) < 60
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.new(key, f"{id}.{timestamp}.{got.body.decode()}".encode(), hashlib.sha256)
    version, _, signature = got.headers["webhook-signature"].partition(",")
    assert (version, base64.b64decode(signature)) == ("v1", signed.digest())
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert send_due(store.database, receiver.hosts) == 0


def test_a_message_is_sent_again_under_its_id_until_it_is_taken(
    store: Store, receiver: Receiver
) -> None:
    receiver.statuses = [500, 503]
    register(store.database, receiver.url, receiver.hosts)
    make_dataset(store)
    for _ in range(3):
        send_due(store.database, receiver.hosts)
        assert send_due(store.database, receiver.hosts) == 0  # not before its time
        make_due(store.database)
    assert len({got.headers["webhook-id"] for got in receiver.received}) == 1
    assert len({got.body for got in receiver.received}) == 1
    (delivery,) = all_deliveries(store.database)
    assert (delivery.status, delivery.attempts, delivery.response_status) == (
        JobStatus.completed,
        3,
        204,
    )
    assert delivery.finished_at is not None


def test_pauses_grow_to_a_limit_and_then_the_delivery_has_failed(
    store: Store, receiver: Receiver
) -> None:
    pauses = [deliveries.pause_after(attempt) for attempt in range(1, deliveries.MAX_ATTEMPTS)]
    assert pauses[:3] == [10, 40, 160]
    assert pauses[-1] == 6 * 3600
    receiver.statuses = [500] * 99
    register(store.database, receiver.url, receiver.hosts)
    make_dataset(store)
    for _ in range(deliveries.MAX_ATTEMPTS + 1):
        send_due(store.database, receiver.hosts)
        make_due(store.database)
    assert len(receiver.received) == deliveries.MAX_ATTEMPTS
    (delivery,) = all_deliveries(store.database)
    assert (delivery.status, delivery.response_status) == (JobStatus.failed, 500)


def test_410_disables_the_endpoint(store: Store, receiver: Receiver) -> None:
    receiver.statuses = [410]
    webhook, _ = register(store.database, receiver.url, receiver.hosts)
    make_dataset(store)
    send_due(store.database, receiver.hosts)
    make_dataset(store)
    make_due(store.database)
    assert send_due(store.database, receiver.hosts) == 0
    with store.database.read() as session:
        found = session.get_one(Webhook, webhook.id)
        assert not found.enabled
        assert "410" in (found.disabled_reason or "")
    assert [one.status for one in all_deliveries(store.database)] == [JobStatus.failed]


def test_a_redirect_is_not_followed(store: Store, receiver: Receiver) -> None:
    with receiving() as other:
        receiver.statuses, receiver.location = [307], other.url
        register(store.database, receiver.url, receiver.hosts)
        make_dataset(store)
        send_due(store.database, [*receiver.hosts, *other.hosts])
        assert other.received == []
    (delivery,) = all_deliveries(store.database)
    assert (delivery.status, delivery.response_status) == (JobStatus.queued, 307)
    assert "redirect" in (delivery.error or "")


def test_a_process_that_dies_while_it_sends_loses_nothing(store: Store, receiver: Receiver) -> None:
    register(store.database, receiver.url, receiver.hosts)
    make_dataset(store)
    with store.database.write() as session:  # it claims, and dies before it sends or records
        (claimed,) = deliveries.claim(session, count=8)
    assert send_due(store.database, receiver.hosts) == 0  # the claim holds for a while
    make_due(store.database)
    assert send_due(store.database, receiver.hosts) == 1
    with store.database.write() as session:  # if it was not dead after all, it is too late
        deliveries.record(session, claimed, deliveries.Outcome(status=500))
    (delivery,) = all_deliveries(store.database)
    assert (delivery.status, delivery.attempts) == (JobStatus.completed, 2)
    assert [got.headers["webhook-id"] for got in receiver.received] == [claimed.id]


def test_what_is_rolled_back_is_not_told(store: Store, receiver: Receiver) -> None:
    register(store.database, receiver.url, receiver.hosts)
    audit_id = start_audit(store, make_dataset(store))

    class Killed(Exception):
        pass

    def fail_and_die() -> None:
        with store.database.write() as session:
            audits.fail_audit(session, audit_id, {"type": "x"})
            raise Killed

    with pytest.raises(Killed):
        fail_and_die()
    told = [one.event for one in all_deliveries(store.database)]
    assert told == [WebhookEvent.dataset_completed]
    with store.database.write() as session:
        audits.fail_audit(session, audit_id, {"type": "x"})
    told = [one.event for one in all_deliveries(store.database)]
    assert told == [WebhookEvent.dataset_completed, WebhookEvent.audit_failed]


def test_only_chosen_events_of_the_own_organisation_are_told(
    store: Store, receiver: Receiver
) -> None:
    wanted = [WebhookEvent.audit_completed]
    register(store.database, receiver.url, receiver.hosts, events=wanted)
    register(store.database, receiver.url, receiver.hosts, tenant_id="elsewhere")
    audit_id = make_audit(store, make_dataset(store))
    (delivery,) = all_deliveries(store.database)
    assert delivery.event is WebhookEvent.audit_completed
    assert json.loads(delivery.body)["data"]["audit_id"] == audit_id


def test_messages_of_a_suspended_organisation_wait(store: Store, receiver: Receiver) -> None:
    register(store.database, receiver.url, receiver.hosts)
    make_dataset(store)
    for moment, sent in ((now(), 0), (None, 1)):
        with store.database.write() as session:
            session.get_one(Tenant, "default").suspended_at = moment
        assert send_due(store.database, receiver.hosts) == sent


def test_old_deliveries_are_deleted(store: Store, receiver: Receiver) -> None:
    register(store.database, receiver.url, receiver.hosts)
    make_dataset(store)
    clean_up(store.database, store.storage)
    (delivery,) = all_deliveries(store.database)
    with store.database.write() as session:
        old = now() - deliveries.KEPT
        session.get_one(WebhookDelivery, delivery.id).created_at = old
    clean_up(store.database, store.storage)
    assert all_deliveries(store.database) == []


def signatures(receiver: Receiver) -> list[str]:
    return receiver.received[-1].headers["webhook-signature"].split(" ")


def test_after_a_rotation_both_secrets_sign_for_a_while(store: Store, receiver: Receiver) -> None:
    registered, first = register(store.database, receiver.url, receiver.hosts)
    webhook_id = registered.id
    with store.database.write() as session:
        _, second = webhooks.rotate_secret(session, webhook_id)
    make_dataset(store)
    send_due(store.database, receiver.hosts)
    got = receiver.received[-1]
    id, moment = got.headers["webhook-id"], int(got.headers["webhook-timestamp"])
    expected = [signed_headers([secret], id, moment, got.body) for secret in (second, first)]
    assert signatures(receiver) == [one["webhook-signature"] for one in expected]

    with store.database.write() as session:  # a second rotation ends the first secret
        _, third = webhooks.rotate_secret(session, webhook_id)
    make_dataset(store)
    send_due(store.database, receiver.hosts)
    got = receiver.received[-1]
    id, moment = got.headers["webhook-id"], int(got.headers["webhook-timestamp"])
    expected = [signed_headers([secret], id, moment, got.body) for secret in (third, second)]
    assert signatures(receiver) == [one["webhook-signature"] for one in expected]


def test_an_old_secret_ends_and_is_deleted(store: Store, receiver: Receiver) -> None:
    registered, _ = register(store.database, receiver.url, receiver.hosts)
    webhook_id = registered.id
    with store.database.write() as session:
        webhook, _ = webhooks.rotate_secret(session, webhook_id)
        webhooks.forget_old_secrets(session)
        assert webhook.old_secret  # not before its time
        webhook.old_secret_until = now() - timedelta(seconds=1)
    make_dataset(store)
    send_due(store.database, receiver.hosts)
    assert len(signatures(receiver)) == 1
    with store.database.write() as session:
        webhooks.forget_old_secrets(session)
    with store.database.read() as session:
        webhook = session.get_one(Webhook, webhook_id)
        assert (webhook.old_secret, webhook.old_secret_until) == (None, None)
