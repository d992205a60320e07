"""A receiver of webhooks, and what tests need to send to it."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from labelaudit.enums import Role, WebhookEvent
from service.db.engine import Database
from service.db.tables import Webhook
from service.webhooks import records, sending
from tests.support.factories import person

EVENTS = [event for event in WebhookEvent if event is not WebhookEvent.test]


@dataclass
class Received:
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Answers with `statuses`, one after another, and then with 204."""

    port: int = 0
    statuses: list[int] = field(default_factory=list)
    location: str = ""
    received: list[Received] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def hosts(self) -> list[str]:
        return [f"http://127.0.0.1:{self.port}"]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append(Received(headers, body))
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send_due(database: Database, hosts: list[str], **options: Any) -> int:
    """As the service does, in a thread: a browser that is open in this process has an event loop
    here."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(sending.send_due, database, hosts, **options).result()


def register(
    database: Database,
    url: str,
    hosts: list[str],
    *,
    events: Sequence[WebhookEvent] = EVENTS,
    tenant_id: str = "default",
) -> tuple[Webhook, str]:
    ann = person("Ann", Role.admin, tenant_id)
    with database.write(ann) as session:
        return records.create_webhook(
            session, url=url, events=events, description="", hosts=hosts, principal=ann
        )
