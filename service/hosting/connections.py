"""Connections that slow callers cannot hold: deadlines for a request's head and for taking the
response, and a limit of their number.

uvicorn ends idle connections between requests; it waits without limit for the rest of a head, for
an unread body and for a caller that takes no response. `service.api.body_deadline` ends bodies.
"""

import asyncio
import json
import resource
from dataclasses import dataclass

import h11
import structlog
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

log = structlog.get_logger()

TAKEN_BYTES = 16 * 2**10  # of a response, fewer in one period are no progress
FILES_PER_CONNECTION = 2  # its own, and one that its request has open
OTHER_FILES = 256  # of the database, the storage, the log


@dataclass(frozen=True)
class Limits:
    """`head_seconds`: from a connection's beginning, or the head's first byte, to the head's end.
    `response_seconds`: in which a caller must take `TAKEN_BYTES` of a response that waits."""

    connections: int
    head_seconds: float
    response_seconds: float


def connection_class(limits: Limits) -> type["Connection"]:
    """The protocol for `uvicorn.Config(http=…)`, which makes one for each connection."""

    return type("LimitedConnection", (Connection,), {"limits": limits})


class Connection(H11Protocol):
    limits: Limits
    _head: asyncio.TimerHandle | None = None
    _response: asyncio.TimerHandle | None = None
    _untaken = 0
    _waiting_since = 0.0

    @property
    def is_serving(self) -> bool:
        """Whether a request is at work, so that the server owes a response."""
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._waiting_since = self.loop.time()
        self._start_deadline()
        if len(self.connections) > self.limits.connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._head, self._response):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._start_deadline()

    def on_response_complete(self) -> None:
        self._waiting_since = self.loop.time()
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:  # nobody reads the rest of this body
            self._start_deadline()

    def _start_deadline(self) -> None:
        """Begin to wait for a whole head, unless that has begun; further bytes do not prolong
        it."""
        if self.is_serving or self.transport.is_closing():
            if self._head is not None:
                self._head.cancel()
                self._head = None
        elif self._head is None:
            self._head = self.loop.call_later(self.limits.head_seconds, self._end_head)

    def _end_head(self) -> None:
        self._head = None
        if self.is_serving or self.transport.is_closing():
            return
        if self.conn.our_state is h11.IDLE and self.conn.trailing_data[0]:
            self._send_timeout()
        self.transport.close()

    def _send_timeout(self) -> None:
        content = _problem(
            408,
            "Request timeout",
            "head-stalled",
            f"The request's head did not arrive within {self.limits.head_seconds:g} s. "
            "Send the request again.",
        )
        head = h11.Response(status_code=408, headers=_headers(content), reason=b"Request Timeout")
        for event in (head, h11.Data(data=content), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")

    def _make_room(self) -> None:
        """Close the connection that has waited longest for a request. If all are at work, answer
        503 to this one."""
        others = [one for one in self.connections if one is not self]
        waiting = [one for one in others if isinstance(one, Connection) and not one.is_serving]
        if waiting:
            min(waiting, key=lambda one: one._waiting_since).transport.abort()
        else:
            log.warning("connections_exhausted", limit=self.limits.connections)
            self.app = _refuse

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_response()

    def resume_writing(self) -> None:
        if self._response is not None:
            self._response.cancel()
            self._response = None
        super().resume_writing()

    def _watch_response(self) -> None:
        self._untaken = self.transport.get_write_buffer_size()
        self._response = self.loop.call_later(self.limits.response_seconds, self._check_response)

    def _check_response(self) -> None:
        if self._untaken - self.transport.get_write_buffer_size() < TAKEN_BYTES:
            self.transport.abort()
        else:
            self._watch_response()


async def _refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
    content = _problem(
        503,
        "Service unavailable",
        "too-many-connections",
        "The server has as many connections as it may. Try again in 2 s.",
    )
    headers = [*_headers(content), (b"retry-after", b"2")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _problem(status: int, title: str, slug: str, detail: str) -> bytes:
    body = {"type": f"/problems/{slug}", "title": title, "status": status, "detail": detail}
    return json.dumps(body).encode()


def _headers(content: bytes) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),
    ]


def allow_open_files(connections: int) -> None:
    """Raise this process's limit of open files to what so many connections need, where the system
    lets us; say so where it does not."""
    needed = FILES_PER_CONNECTION * connections + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < needed:
        log.warning("open_files_limited", allowed=allowed, needed=needed, connections=connections)
