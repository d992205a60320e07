"""Drills with callers that are slow on purpose."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import httpx2
from sqlalchemy import select

from labelaudit.enums import Role
from service.db.tables import Upload
from tests.drills.arena import Arena
from tests.drills.registry import drill
from tests.drills.stack import until

HEADS, BODIES = 200, 50
HELD = 1_000_000  # bytes that each stalled upload declares
PATIENCE = 60.0  # the deadlines of the settings, and what a busy machine adds
ANSWER_SECONDS = 5.0  # for a caller who is not slow, on a busy machine
PROBES = 20


@drill()
def slow_callers(arena: Arena) -> None:
    """200 half-sent heads and 50 uploads that stall, while others review: everybody else is served
    as ever, and every slow caller is answered and its slot and space are given back."""
    reviewed = arena.reviewable()
    uploaders = [arena.new_client(f"an uploader {n}", Role.uploader) for n in range(BODIES)]
    since = time.monotonic()
    with contextlib.ExitStack() as held:
        heads = [held.enter_context(_connect(arena)) for _ in range(HEADS)]
        for one in heads:
            one.sendall(b"GET /v1/me HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bear")
        bodies = [held.enter_context(_connect(arena)) for _ in range(BODIES)]
        for one, client in zip(bodies, uploaders, strict=True):
            one.sendall(_head(client.token) + b"sample_id,label,text\n")
        until(lambda: _reserved(arena) > 0)
        slowest = _probe(arena)
        with arena.annotators(reviewed, 4):
            pass
        answers = _answers([*heads, *bodies])
        assert answers == ["408"] * (HEADS + BODIES), answers
    until(lambda: _reserved(arena) == 0)
    arena.ledger.recovered(since)
    arena.notes.append(f"slowest of {PROBES} other calls meanwhile: {slowest:.2f} s")
    assert slowest < ANSWER_SECONDS
    for client in uploaders:
        client.http.close()


def _connect(arena: Arena) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", arena.stack.deployment.port))
    connection.settimeout(PATIENCE)
    return connection


def _head(token: str) -> bytes:
    return (
        f"POST /v1/datasets?filename=a.csv HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Length: {HELD}\r\nAuthorization: Bearer {token}\r\n\r\n"
    ).encode()


def _reserved(arena: Arena) -> int:
    """Uploads that hold a slot and space."""
    with arena.stack.deployment.database() as database, database.read() as session:
        return len(session.scalars(select(Upload).where(Upload.completed_at.is_(None))).all())


def _probe(arena: Arena) -> float:
    """The slowest of some calls on connections of their own, in seconds."""
    took = []
    for _ in range(PROBES):
        began = time.monotonic()
        with httpx2.Client(base_url=arena.stack.url, timeout=PATIENCE) as client:
            headers = {"Authorization": f"Bearer {arena.client.token}"}
            assert client.get("/v1/datasets", headers=headers).status_code == 200
        took.append(time.monotonic() - began)
    return max(took)


def _answers(connections: list[socket.socket]) -> list[str]:
    """The status that each got before it was closed, read side by side."""
    found = [""] * len(connections)

    def read(index: int, connection: socket.socket) -> None:
        said = b""
        with contextlib.suppress(ConnectionError):
            for part in _parts(connection):
                said += part
        found[index] = said.split()[1].decode() if said.startswith(b"HTTP/1.1 ") else repr(said)

    threads = [threading.Thread(target=read, args=one) for one in enumerate(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def _parts(connection: socket.socket) -> Iterator[bytes]:
    while part := connection.recv(65536):
        yield part
