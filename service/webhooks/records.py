"""Endpoints that organisations register: who gets which events."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from labelaudit.enums import WebhookEvent
from service.accounts import access_log
from service.core.errors import Conflict
from service.core.principal import Principal
from service.db.lookup import get_row
from service.db.tables import Webhook, new_id, now
from service.webhooks.addresses import check_url
from service.webhooks.signatures import new_secret

OVERLAP = timedelta(hours=24)  # for receivers to learn a new secret
MOST = 20  # of an organisation: each event is a request to all of them


def create_webhook(
    session: Session,
    *,
    url: str,
    events: Sequence[WebhookEvent],
    description: str,
    hosts: Sequence[str],
    principal: Principal,
) -> tuple[Webhook, str]:
    """Register an endpoint; returns it with its secret, which is never shown again.

    Raises
    ------
    Conflict
        Webhooks are off, or the organisation has too many.
    BadInput
        The operator does not allow this URL.
    """
    check_url(url, hosts)
    if len(list_webhooks(session)) >= MOST:
        raise Conflict(f"An organisation has at most {MOST} webhooks. Delete one first.")
    webhook = Webhook(
        id=new_id("wh"),
        tenant_id=principal.tenant_id,
        url=url,
        events=_sorted(events),
        description=description,
        secret=(secret := new_secret()),
        created_by=principal,
    )
    session.add(webhook)
    session.flush()
    access_log.record(session, "webhook.create", webhook.id, url=url)
    return webhook, secret


def list_webhooks(session: Session) -> list[Webhook]:
    return list(session.scalars(select(Webhook).order_by(Webhook.id)))


def get_webhook(session: Session, webhook_id: str) -> Webhook:
    return get_row(session, Webhook, webhook_id, "webhook")


def update_webhook(
    session: Session, webhook_id: str, changes: dict[str, Any], *, hosts: Sequence[str]
) -> Webhook:
    """Change the URL, the events, the description, or whether it is enabled. Raises as
    `create_webhook` does."""
    webhook = get_webhook(session, webhook_id)
    if "url" in changes:
        check_url(changes["url"], hosts)
    if "events" in changes:
        changes = {**changes, "events": _sorted(changes["events"])}
    if changes.get("enabled"):
        webhook.disabled_reason = None
    for field, value in changes.items():
        setattr(webhook, field, value)
    access_log.record(session, "webhook.update", webhook_id, url=webhook.url)
    return webhook


def rotate_secret(session: Session, webhook_id: str) -> tuple[Webhook, str]:
    """Give a webhook a new secret, which is never shown again. The one before signs messages too
    for a while; one of an earlier rotation stops at once."""
    webhook = get_webhook(session, webhook_id)
    webhook.old_secret, webhook.old_secret_until = webhook.secret, now() + OVERLAP
    webhook.secret = new_secret()
    access_log.record(session, "webhook.rotate", webhook_id, url=webhook.url)
    return webhook, webhook.secret


def forget_old_secrets(session: Session) -> None:
    """Delete secrets that sign nothing any more."""
    session.execute(
        update(Webhook)
        .where(Webhook.old_secret_until <= now())
        .values(old_secret=None, old_secret_until=None)
    )


def delete_webhook(session: Session, webhook_id: str) -> None:
    """Delete the endpoint with its deliveries."""
    webhook = get_webhook(session, webhook_id)
    access_log.record(session, "webhook.delete", webhook_id, url=webhook.url)
    session.delete(webhook)


def _sorted(events: Sequence[WebhookEvent]) -> list[str]:
    return sorted({str(event) for event in events})
