"""Endpoints that are told of events, and what is sent to them."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text, true
from sqlalchemy.orm import Mapped, mapped_column

from labelaudit.enums import JobStatus, WebhookEvent
from service.db.tables.base import Created, Model, TenantOwned, now, one_of

WAITING = "status = 'queued'"


class Webhook(Created, TenantOwned, Model):
    """An endpoint of an organisation."""

    __tablename__ = "webhook"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    events: Mapped[list[str]]
    description: Mapped[str] = mapped_column(Text, default="", server_default="")
    enabled: Mapped[bool] = mapped_column(default=True, server_default=true())
    disabled_reason: Mapped[str | None] = mapped_column(Text)  # where the service disabled it
    secret: Mapped[str] = mapped_column(String(80), deferred=True)  # signing needs it as it is
    old_secret: Mapped[str | None] = mapped_column(String(80), deferred=True)  # before a rotation
    old_secret_until: Mapped[datetime | None]  # null once it signs nothing any more


class WebhookDelivery(TenantOwned, Model):
    """A message to one endpoint, written with the change that it tells of."""

    __tablename__ = "webhook_delivery"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhook.id", ondelete="CASCADE"))
    # null in a test; a dataset takes its messages with it
    dataset_id: Mapped[str | None] = mapped_column(
        ForeignKey("dataset.id", ondelete="CASCADE"), index=True
    )
    event: Mapped[WebhookEvent] = mapped_column(one_of(WebhookEvent))
    body: Mapped[str] = mapped_column(Text)
    status: Mapped[JobStatus] = mapped_column(one_of(JobStatus), default=JobStatus.queued)
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[float] = mapped_column(default=0.0)  # by the database's clock
    response_status: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        Index(None, "webhook_id", "id"),
        Index(
            "webhook_delivery_due_ix",
            "due_at",
            postgresql_where=text(WAITING),
            sqlite_where=text(WAITING),
        ),
    )
