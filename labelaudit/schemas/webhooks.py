"""Webhooks: endpoints that are told of events, and what was sent to them."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from labelaudit.enums import JobStatus, WebhookEvent
from labelaudit.schemas.base import Person, Request, Schema, Words

# Whoever can register for it would wait for ever: it is sent to whoever asks.
Subscribable = Literal[
    WebhookEvent.dataset_completed,
    WebhookEvent.dataset_failed,
    WebhookEvent.audit_completed,
    WebhookEvent.audit_failed,
    WebhookEvent.export_completed,
    WebhookEvent.export_failed,
    WebhookEvent.queue_emptied,
]
EVENTS = (
    "Events to send. `queue.emptied`: an audit's queue has no obvious or possible suspect left."
)
URL = "Where messages are sent. The service's operator decides which hosts are allowed."


class WebhookCreate(Request):
    url: Words = Field(min_length=1, max_length=2000, description=URL)
    events: list[Subscribable] = Field(min_length=1, max_length=20, description=EVENTS)
    description: Words = Field(default="", max_length=200)


class WebhookUpdate(Request):
    """Fields that you omit stay as they are."""

    url: Words | None = Field(default=None, min_length=1, max_length=2000, description=URL)
    events: list[Subscribable] | None = Field(
        default=None, min_length=1, max_length=20, description=EVENTS
    )
    description: Words | None = Field(default=None, max_length=200)
    enabled: bool | None = Field(
        default=None, description="False: messages wait, and new events are not sent."
    )


class WebhookRead(Schema):
    id: str
    url: str = Field(description="Where messages are sent.")
    events: list[WebhookEvent] = Field(description="Events that are sent.")
    description: str
    enabled: bool = Field(description="Whether messages are sent to it.")
    disabled_reason: str | None = Field(description="Set if the service disabled it.")
    old_secret_until: datetime | None = Field(
        description="Until when messages are also signed with the secret before the current one; "
        "null if there is none."
    )
    created_by: Person
    created_at: datetime


class WebhookCreated(WebhookRead):
    secret: str = Field(description="Verifies signatures, `whsec_…`; shown only now.")


class DeliveryRead(Schema):
    id: str = Field(description="Also the header `webhook-id` of the message.")
    webhook_id: str
    event: WebhookEvent = Field(description="The event that the message tells of.")
    status: JobStatus = Field(
        description="`queued` until the endpoint accepts it, or until it has `failed` for good."
    )
    attempts: int = Field(description="How often it was sent.")
    next_attempt_at: datetime | None = Field(
        description="When it is sent next, in UTC; null once it has ended."
    )
    response_status: int | None = Field(
        description="HTTP status of the last answer; null if there was none."
    )
    error: str | None = Field(description="Why there was no answer, or why it does not count.")
    created_at: datetime
    finished_at: datetime | None
