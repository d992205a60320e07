"""The outbox: what happened, once for each endpoint that wants to know.

Its rows are written in the transaction of what they tell of. So nothing that was committed goes
untold, and nothing is told that was not.
"""

from collections.abc import Mapping

import orjson
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from labelaudit.enums import WebhookEvent
from service.db.statements import cached_statement
from service.db.tables import Audit, Dataset, Export, Webhook, WebhookDelivery, new_id, now

_ENABLED = cached_statement(
    select(Webhook).where(Webhook.tenant_id == bindparam("of_tenant"), Webhook.enabled)
)


def subscribers(session: Session, tenant_id: str, event: WebhookEvent) -> list[Webhook]:
    """The organisation's endpoints that want the event."""
    found = session.scalars(_ENABLED, {"of_tenant": tenant_id})
    return [webhook for webhook in found if event in webhook.events]


def announce_end(session: Session, subject: Dataset | Audit | Export) -> None:
    """Tell the organisation's endpoints that the subject is completed or has failed."""
    name = subject.__tablename__
    dataset_id = subject.id if isinstance(subject, Dataset) else subject.dataset_id
    announce(
        session,
        WebhookEvent(f"{name}.{subject.status}"),
        {f"{name}_id": subject.id, "dataset_id": dataset_id, "status": subject.status},
        tenant_id=subject.tenant_id,
        dataset_id=dataset_id,
    )


def announce(
    session: Session,
    event: WebhookEvent,
    data: Mapping[str, str],
    *,
    tenant_id: str,
    dataset_id: str,
) -> None:
    """Tell the organisation's endpoints of an event of a dataset."""
    for webhook in subscribers(session, tenant_id, event):
        add(session, webhook, event, data, dataset_id=dataset_id)


def add(
    session: Session,
    webhook: Webhook,
    event: WebhookEvent,
    data: Mapping[str, str],
    *,
    dataset_id: str | None = None,
) -> WebhookDelivery:
    """Queue a message to one endpoint. Its body is kept as it is sent, because it is signed."""
    message = {"type": event, "timestamp": now(), "data": dict(data)}
    delivery = WebhookDelivery(
        id=new_id("de"),
        tenant_id=webhook.tenant_id,
        webhook_id=webhook.id,
        dataset_id=dataset_id,
        event=event,
        body=orjson.dumps(message, option=orjson.OPT_UTC_Z).decode(),
    )
    session.add(delivery)
    session.flush()
    return delivery
