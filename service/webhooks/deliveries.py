"""Deliveries: claimed for a while, then completed, tried again later, or failed for good."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from labelaudit.enums import JobStatus, WebhookEvent
from service.core.errors import Conflict, NotFound
from service.db.engine import clock
from service.db.listing import Order, RowFilter
from service.db.lookup import get_row
from service.db.tables import Tenant, Webhook, WebhookDelivery, now
from service.webhooks import outbox
from service.webhooks.records import get_webhook

MAX_ATTEMPTS = 10
FIRST_PAUSE_SECONDS = 10.0
GROWTH = 4  # each pause is so many times as long as the one before
LONGEST_PAUSE_SECONDS = 6 * 3600.0
CLAIM_SECONDS = 60.0  # then another process may send what a dead one had claimed
KEPT = timedelta(days=30)
GONE = 410


@dataclass(frozen=True)
class Message:
    """A delivery that this process has claimed."""

    id: str
    attempt: int
    url: str
    secrets: tuple[str, ...]
    body: bytes


@dataclass(frozen=True)
class Outcome:
    """What came of an attempt: the receiver's status, or why there is none."""

    status: int | None = None
    error: str | None = None

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def claim(session: Session, *, count: int) -> list[Message]:
    """Claim deliveries that are due, of no suspended organisation; the claim ends by itself, so
    that nothing is lost if this process dies."""
    due = session.execute(
        select(
            WebhookDelivery,
            Webhook.url,
            Webhook.secret,
            Webhook.old_secret,
            Webhook.old_secret_until,
        )
        .join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
        .join(Tenant, Tenant.id == WebhookDelivery.tenant_id)
        .where(
            WebhookDelivery.status == JobStatus.queued,
            WebhookDelivery.due_at <= clock(),
            Webhook.enabled,
            Tenant.suspended_at.is_(None),
        )
        .order_by(WebhookDelivery.due_at, WebhookDelivery.id)
        .limit(count)
        .with_for_update(of=WebhookDelivery, skip_locked=True)
    ).all()
    messages = []
    for delivery, url, secret, old, until in due:
        delivery.attempts += 1
        delivery.due_at = clock() + CLAIM_SECONDS
        body = delivery.body.encode()
        secrets = (secret, old) if old and until and until > now() else (secret,)
        messages.append(Message(delivery.id, delivery.attempts, url, secrets, body))
    return messages


def record(session: Session, message: Message, outcome: Outcome) -> None:
    """Note what came of a claimed delivery, unless it was claimed anew or deleted since."""
    delivery = session.scalars(
        select(WebhookDelivery).where(WebhookDelivery.id == message.id).with_for_update()
    ).first()
    if delivery is None or (delivery.status, delivery.attempts) != (
        JobStatus.queued,
        message.attempt,
    ):
        return
    delivery.response_status, delivery.error = outcome.status, outcome.error
    if outcome.status == GONE:
        webhook = session.get_one(Webhook, delivery.webhook_id)
        webhook.enabled = False
        webhook.disabled_reason = "The endpoint answered 410: it is gone."
    if outcome.accepted:
        _finish(delivery, JobStatus.completed)
    elif outcome.status == GONE or message.attempt >= MAX_ATTEMPTS:
        _finish(delivery, JobStatus.failed)
    else:
        delivery.due_at = clock() + pause_after(message.attempt)


def pause_after(attempt: int) -> float:
    """Seconds until the next attempt; `attempt` counts from 1."""
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * float(GROWTH) ** (attempt - 1))


def _finish(delivery: WebhookDelivery, status: JobStatus) -> None:
    delivery.status, delivery.finished_at = status, now()


def list_deliveries(
    session: Session, webhook_id: str, wanted: RowFilter, order: Order, limit: int
) -> list[WebhookDelivery]:
    get_webhook(session, webhook_id)
    query = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id)
    return order.first(session, wanted.apply(query, WebhookDelivery), WebhookDelivery, limit)


def get_delivery(session: Session, webhook_id: str, delivery_id: str) -> WebhookDelivery:
    get_webhook(session, webhook_id)
    delivery = get_row(session, WebhookDelivery, delivery_id, "delivery")
    if delivery.webhook_id != webhook_id:
        raise NotFound(f"The webhook has no delivery {delivery_id!r}.")
    return delivery


def send_test(session: Session, webhook_id: str) -> WebhookDelivery:
    """Queue a message that tells of nothing. Raises Conflict if the webhook is disabled."""
    webhook = get_webhook(session, webhook_id)
    _require_enabled(webhook)
    return outbox.add(session, webhook, WebhookEvent.test, {"webhook_id": webhook_id})


def retry(session: Session, webhook_id: str, delivery_id: str) -> WebhookDelivery:
    """Send a finished delivery again, under the same id, with all attempts; one that still waits
    is sent at once. Raises Conflict if the webhook is disabled."""
    delivery = get_delivery(session, webhook_id, delivery_id)
    session.refresh(delivery, with_for_update=True)
    _require_enabled(get_webhook(session, webhook_id))
    if delivery.status is not JobStatus.queued:
        delivery.status, delivery.attempts, delivery.finished_at = JobStatus.queued, 0, None
    delivery.due_at = 0.0
    session.flush()
    return delivery


def _require_enabled(webhook: Webhook) -> None:
    if not webhook.enabled:
        raise Conflict(
            "The webhook is disabled, so nothing is sent to it. Enable it first: "
            'PATCH it with {"enabled": true}.',
            type="webhook-disabled",
        )


def delete_old(session: Session) -> None:
    """Delete deliveries once they are older than they are kept, sent or not."""
    session.execute(delete(WebhookDelivery).where(WebhookDelivery.created_at < now() - KEPT))
