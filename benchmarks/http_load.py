"""A small HTTP/1.1 client that costs little, so that what is measured is the server."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson


class Connection:
    """One kept connection; one request at a time."""

    def __init__(self, host: str, port: int, token: str | None) -> None:
        self.host, self.port = host, port
        self.authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        self.etag: str | None = None  # of the last answer
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def open(self) -> "Connection":
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port)
        return self

    def close(self) -> None:
        self.writer.close()

    async def ask(
        self, method: str, path: str, body: object = None, *, unless: str | None = None
    ) -> tuple[int, bytes]:
        """The status and the body of the answer; `unless` is the ETag of what one has already."""
        content = b"" if body is None else orjson.dumps(body)
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\n{self.authorization}"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
            + (f"If-None-Match: {unless}\r\n\r\n" if unless else "\r\n")
        )
        self.writer.write(head.encode() + content)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        lines = answer.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        self.etag = headers.get("etag")
        length = int(headers.get("content-length", 0))
        return int(lines[0].split()[1]), await self.reader.readexactly(length) if length else b""


THOUGHT = 2.0  # seconds that a person looks at a sample


@dataclass
class Load:
    """What a number of clients, each asking again at once, saw."""

    clients: int
    seconds: float
    latencies: list[float] = field(default_factory=list)
    refused: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def count(self, status: int, seconds: float) -> bool:
        """Takes down one answer; whether it was one that the client wanted."""
        wanted = status < 300 or status == 304
        if wanted:
            self.latencies.append(seconds)
        else:
            self.refused[status] = self.refused.get(status, 0) + 1
        return wanted

    def percentile(self, share: float) -> float:
        """Milliseconds that this share of the requests took at most."""
        return (
            float(np.percentile(self.latencies, share)) * 1000 if self.latencies else float("nan")
        )


Ask = Callable[[Connection, int], Awaitable[tuple[int, Any]]]


async def saturate(connections: list[Connection], ask: Ask, *, seconds: float) -> Load:
    """Every connection asks again as soon as it is answered. Closed loop: the percentiles are those
    of a saturated server."""
    load = Load(len(connections), seconds)
    end = time.perf_counter() + seconds

    async def client(number: int, connection: Connection) -> None:
        while (started := time.perf_counter()) < end:
            status, _ = await ask(connection, number)
            load.count(status, time.perf_counter() - started)

    await asyncio.gather(*(client(n, one) for n, one in enumerate(connections)))
    return load


def connection(ports: list[int], number: int, token: str) -> Connection:
    return Connection("127.0.0.1", ports[number % len(ports)], token)


async def load(
    ports: list[int],
    tokens: list[str],
    ask: Ask,
    seconds: float,
) -> Load:
    connections = [await connection(ports, *one).open() for one in enumerate(tokens)]
    await saturate(connections, ask, seconds=min(1.0, seconds))  # connections and caches are warm
    found = await saturate(connections, ask, seconds=seconds)
    for one in connections:
        one.close()
    return found


async def timed(act: Awaitable[tuple[int, Any]], load: Load) -> bool:
    """Counts one request; whether it was answered."""
    started = time.perf_counter()
    status, _ = await act
    return load.count(status, time.perf_counter() - started)


async def alternate(
    ports: list[int],
    tokens: list[str],
    first: Ask,
    second: Ask,
    seconds: float,
) -> tuple[Load, Load]:
    """What annotators do: take one, decide it, take the next."""
    connections = [await connection(ports, *one).open() for one in enumerate(tokens)]
    other = Load(len(tokens), seconds)

    async def both(one: Connection, number: int) -> tuple[int, Any]:
        taken = await first(one, number)
        await timed(second(one, number), other)
        return taken

    together = await saturate(connections, both, seconds=seconds)
    for one in connections:
        one.close()
    took = np.array(other.latencies)
    count = min(len(took), len(together.latencies))
    together.latencies = list(np.maximum(0, np.array(together.latencies[:count]) - took[:count]))
    return together, other


async def at_ease(
    ports: list[int],
    tokens: list[str],
    first: Ask,
    second: Ask,
    seconds: float,
) -> tuple[Load, Load]:
    """As people work: each takes one, looks at it for a while, decides it."""
    taking, deciding = Load(len(tokens), seconds), Load(len(tokens), seconds)
    end = time.perf_counter() + seconds

    async def person(number: int, token: str) -> None:
        one = await connection(ports, number, token).open()
        await asyncio.sleep(random.uniform(0, THOUGHT))
        while time.perf_counter() < end:
            if await timed(first(one, number), taking):
                await asyncio.sleep(random.uniform(0.5 * THOUGHT, 1.5 * THOUGHT))
                await timed(second(one, number), deciding)
        one.close()

    await asyncio.gather(*(person(number, token) for number, token in enumerate(tokens)))
    return taking, deciding
