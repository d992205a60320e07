"""The client's calls about webhooks."""

from collections.abc import Iterator, Sequence

from labelaudit.client.paths import segment
from labelaudit.client.transport import Transport
from labelaudit.enums import JobStatus, WebhookEvent
from labelaudit.schemas import DeliveryRead, WebhookCreated, WebhookRead


class WebhooksMixin:
    """The part of `Client` that manages webhooks. It needs an admin's key."""

    _transport: Transport

    def webhooks(self) -> list[WebhookRead]:
        """The organisation's webhooks, oldest first, without their secrets."""
        return self._transport.all("/v1/webhooks", WebhookRead)

    def create_webhook(
        self, url: str, events: Sequence[WebhookEvent | str], *, description: str = ""
    ) -> WebhookCreated:
        """Register an endpoint for events. Its secret appears only in this answer."""
        body = {"url": url, "events": [str(one) for one in events], "description": description}
        answer = self._transport.request("POST", "/v1/webhooks", json=body)
        return WebhookCreated.model_validate(answer.json())

    def update_webhook(
        self,
        webhook_id: str,
        *,
        url: str | None = None,
        events: Sequence[WebhookEvent | str] | None = None,
        description: str | None = None,
        enabled: bool | None = None,
    ) -> WebhookRead:
        """Change a webhook; what is not given stays. A disabled one sends nothing."""
        told = None if events is None else [str(one) for one in events]
        body = {"url": url, "events": told, "description": description, "enabled": enabled}
        changes = {name: value for name, value in body.items() if value is not None}
        answer = self._transport.request("PATCH", _webhook(webhook_id), json=changes)
        return WebhookRead.model_validate(answer.json())

    def rotate_webhook_secret(self, webhook_id: str) -> WebhookCreated:
        """Replace a webhook's secret. The new one appears only in this answer; messages are signed
        with both for 24 hours."""
        answer = self._transport.request("POST", f"{_webhook(webhook_id)}/rotate")
        return WebhookCreated.model_validate(answer.json())

    def delete_webhook(self, webhook_id: str) -> None:
        """Delete a webhook with its deliveries, sent or not."""
        self._transport.request("DELETE", _webhook(webhook_id))

    def send_test_event(self, webhook_id: str) -> DeliveryRead:
        """Send the event `webhook.test`, to try out an endpoint."""
        answer = self._transport.request("POST", f"{_webhook(webhook_id)}/deliveries")
        return DeliveryRead.model_validate(answer.json())

    def deliveries(
        self, webhook_id: str, *, status: JobStatus | str | None = None, limit: int | None = None
    ) -> Iterator[DeliveryRead]:
        """The messages of the last 30 days to a webhook, newest first."""
        path, told = f"{_webhook(webhook_id)}/deliveries", None if status is None else str(status)
        for item in self._transport.pages(path, limit=limit, page=100, status=told):
            yield DeliveryRead.model_validate(item)

    def delivery(self, webhook_id: str, delivery_id: str) -> DeliveryRead:
        """One message, and what came of it."""
        return DeliveryRead.model_validate(self._transport.get(_delivery(webhook_id, delivery_id)))

    def retry_delivery(self, webhook_id: str, delivery_id: str) -> DeliveryRead:
        """Send a message again under the same id, or now instead of later."""
        path = f"{_delivery(webhook_id, delivery_id)}/retries"
        return DeliveryRead.model_validate(self._transport.request("POST", path).json())


def _webhook(webhook_id: str) -> str:
    return f"/v1/webhooks/{segment(webhook_id)}"


def _delivery(webhook_id: str, delivery_id: str) -> str:
    return f"{_webhook(webhook_id)}/deliveries/{segment(delivery_id)}"
