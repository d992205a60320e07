"""/v1/webhooks: endpoints that are told of events."""

from datetime import UTC, datetime
from typing import Any

from fastapi import Response

from labelaudit.enums import JobStatus
from labelaudit.schemas import (
    DeliveryRead,
    Page,
    WebhookCreate,
    WebhookCreated,
    WebhookRead,
    WebhookUpdate,
)
from service.api.dependencies import Administrator, ReadSession, SettingsDep, WriteSession
from service.api.document import documented
from service.api.pages import AnyListing, Cursor, Limit, slice_of
from service.api.responses import accepted
from service.api.routing import TransactionRouter
from service.db.tables import Webhook, WebhookDelivery
from service.webhooks import deliveries
from service.webhooks import records as webhooks

router = TransactionRouter(prefix="/v1/webhooks", tags=["webhooks"], responses=documented())


@router.post("", status_code=201, response_model=WebhookCreated, responses=documented(409))
def create_webhook(
    session: WriteSession,
    response: Response,
    settings: SettingsDep,
    caller: Administrator,
    wanted: WebhookCreate,
) -> dict[str, Any]:
    """Register an endpoint. Its secret is shown only in this response; messages are signed with it
    as Standard Webhooks says."""
    webhook, secret = webhooks.create_webhook(
        session,
        url=wanted.url,
        events=wanted.events,
        description=wanted.description,
        hosts=settings.webhook_hosts,
        principal=caller,
    )
    response.headers["Location"] = f"/v1/webhooks/{webhook.id}"
    return {**webhook.to_dict(), "secret": secret}


@router.get("", response_model=Page[WebhookRead])
def list_webhooks(
    session: ReadSession, caller: Administrator, cursor: Cursor = None, limit: Limit = 100
) -> dict[str, Any]:
    """List the organisation's webhooks, oldest first; without secrets."""
    return slice_of(webhooks.list_webhooks(session), cursor, limit)


@router.get("/{webhook_id}", response_model=WebhookRead)
def read_webhook(session: ReadSession, caller: Administrator, webhook_id: str) -> Webhook:
    """One webhook, without its secret."""
    return webhooks.get_webhook(session, webhook_id)


@router.patch("/{webhook_id}", response_model=WebhookRead, responses=documented(409))
def update_webhook(
    session: WriteSession,
    settings: SettingsDep,
    caller: Administrator,
    webhook_id: str,
    wanted: WebhookUpdate,
) -> Webhook:
    """Change a webhook, disable it, or enable it again."""
    changes = wanted.model_dump(exclude_none=True)
    return webhooks.update_webhook(session, webhook_id, changes, hosts=settings.webhook_hosts)


@router.post("/{webhook_id}/rotate", response_model=WebhookCreated)
def rotate_webhook_secret(
    session: WriteSession, caller: Administrator, webhook_id: str
) -> dict[str, Any]:
    """Give a webhook a new secret, shown only in this response. Messages are signed with both for
    24 hours, so a receiver can change over without losing one. A secret from an earlier rotation
    ends at once."""
    webhook, secret = webhooks.rotate_secret(session, webhook_id)
    return {**webhook.to_dict(), "secret": secret}


@router.delete("/{webhook_id}", status_code=204)
def delete_webhook(session: WriteSession, caller: Administrator, webhook_id: str) -> None:
    """Delete a webhook with its deliveries, sent or not."""
    webhooks.delete_webhook(session, webhook_id)


@router.get("/{webhook_id}/deliveries", response_model=Page[DeliveryRead])
def list_deliveries(
    session: ReadSession, caller: Administrator, webhook_id: str, listing: AnyListing
) -> Any:
    """List the messages of the last 30 days to a webhook, newest first."""
    found = deliveries.list_deliveries(
        session, webhook_id, listing.wanted, listing.order, listing.fetched
    )
    return listing.page(found, _shown)


@router.post("/{webhook_id}/deliveries", status_code=202, response_model=DeliveryRead,
             responses=documented(409))  # fmt: skip
def send_test_event(
    session: WriteSession, response: Response, caller: Administrator, webhook_id: str
) -> dict[str, Any]:
    """Send the event `webhook.test`, to try out an endpoint."""
    return _accepted(response, deliveries.send_test(session, webhook_id))


@router.get("/{webhook_id}/deliveries/{delivery_id}", response_model=DeliveryRead)
def read_delivery(
    session: ReadSession, caller: Administrator, webhook_id: str, delivery_id: str
) -> dict[str, Any]:
    """One message, and what came of it."""
    return _shown(deliveries.get_delivery(session, webhook_id, delivery_id))


@router.post("/{webhook_id}/deliveries/{delivery_id}/retries", status_code=202,
             response_model=DeliveryRead, responses=documented(409))  # fmt: skip
def retry_delivery(
    session: WriteSession,
    response: Response,
    caller: Administrator,
    webhook_id: str,
    delivery_id: str,
) -> dict[str, Any]:
    """Send a message again under the same id, or now instead of later."""
    return _accepted(response, deliveries.retry(session, webhook_id, delivery_id))


def _accepted(response: Response, delivery: WebhookDelivery) -> dict[str, Any]:
    accepted(response, f"/v1/webhooks/{delivery.webhook_id}/deliveries/{delivery.id}")
    return _shown(delivery)


def _shown(delivery: WebhookDelivery) -> dict[str, Any]:
    waits = delivery.status is JobStatus.queued
    due_at = max(delivery.due_at, delivery.created_at.timestamp())
    next_attempt_at = datetime.fromtimestamp(due_at, UTC) if waits else None
    return {**delivery.to_dict(), "next_attempt_at": next_attempt_at}
