"""What a request costs the API by itself: processor time, Python function calls, statements.

    python -m benchmarks.requests [--shape production] [--samples 20000] [--rounds 10]

The application is called in this process without a network, beside the database and the broker it
is deployed with, one request after the other: what is left is its own work. Figures are of one
request; the time is the least of all rounds, of every thread of the process.
"""

import argparse
import asyncio
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from typing import Any

import orjson
from fastapi import FastAPI
from sqlalchemy import Engine, event

from benchmarks.service import (
    PAGE,
    keys,
    newest,
    prepare,
)
from service.api import cursors
from service.api.app import create_app
from service.observability import logs
from tests.drills.stack import SHAPES, running

ASKED = 50  # requests in a round
Ask = Callable[[], Awaitable[None]]
Cost = Callable[[Ask], Awaitable[list[float]]]


@dataclass
class InProcess:
    """A client that calls the application itself."""

    app: FastAPI
    token: str

    async def ask(
        self, method: str, path: str, body: object = None, *, query: str = ""
    ) -> dict[str, Any]:
        content = b"" if body is None else orjson.dumps(body)
        headers = {
            "host": "127.0.0.1",
            "authorization": f"Bearer {self.token}",
            "content-type": "application/json",
            "content-length": f"{len(content)}",
        }
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "state": {},
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        answer = b"".join(message.get("body", b"") for message in sent)
        assert sent[0]["status"] < 300, answer
        found: dict[str, Any] = orjson.loads(answer)
        return found


@dataclass
class Counter:
    """What happened in this process: in all of its threads, and at the database."""

    calls: int = 0
    statements: int = 0

    def profile(self, _frame: object, happened: str, _argument: object) -> None:
        self.calls += happened == "call"

    def note(self, *_: object) -> None:
        self.statements += 1


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser("benchmarks.requests", description=__doc__.split("\n")[0])
    parser.add_argument("--shape", choices=SHAPES, default="production")
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    with running(options.shape, job_lease_seconds=60, review_lease_seconds=3600) as stack:
        _, audit = prepare(stack, options.samples)
        settings = stack.deployment.settings.model_copy(update={"rate_limit": "1000000/minute"})
        token, ranking = keys(stack, 1)[0], newest(stack, audit)
        said, sys.stderr = sys.stderr, StringIO()  # the log, whose lines are made all the same
        logs.configure()

        def with_each(cost: Cost) -> dict[str, list[float]]:
            client = InProcess(create_app(settings), token)
            return asyncio.run(ask_each(client, audit, ranking, cost))

        try:
            least = with_each(lambda ask: processor_seconds(ask, options.rounds))
            with counting() as counter:
                counts = with_each(lambda ask: count(ask, counter))
        finally:
            sys.stderr = said
    print("| a request | ms of a processor | Python calls | statements |")
    print("|---|--:|--:|--:|")
    for name, (seconds,) in least.items():
        calls, statements = counts[name]
        print(f"| {name} | {1000 * seconds:.2f} | {calls:,.0f} | {statements:.0f} |")


async def ask_each(
    client: InProcess, audit: str, ranking: str, cost: Cost
) -> dict[str, list[float]]:
    """What each kind of request costs."""
    path = f"/v1/audits/{audit}"
    rank, taken = 0, list[dict[str, Any]]()

    async def alive() -> None:
        await client.ask("GET", "/livez")

    async def page() -> None:
        nonlocal rank
        rank += 1  # none is kept
        query = f"limit={PAGE}&cursor={cursors.encode(ranking, rank)}"
        await client.ask("GET", f"{path}/suspects", query=query)

    async def take() -> None:
        taken.extend((await client.ask("POST", f"{path}/queue/next", {"count": 1}))["items"])

    async def decide() -> None:
        item = taken.pop()
        lease = item["lease"]["lease_id"]
        decision = {"sample_id": item["sample_id"], "verdict": "keep", "lease_id": lease}
        await client.ask("POST", f"{path}/corrections", {"corrections": [decision]})

    found = {}
    async with client.app.router.lifespan_context(client.app):
        for name, ask in (
            ("alive", alive),
            (f"queue page of {PAGE}", page),
            ("next item", take),
            ("submit a decision", decide),
        ):
            found[name] = await cost(ask)
    return found


async def processor_seconds(ask: Ask, rounds: int) -> list[float]:
    """The least of all rounds, after one in which connections, statements and caches are made."""
    took = []
    for _ in range(rounds + 1):
        started = time.process_time()
        for _ in range(ASKED):
            await ask()
        took.append((time.process_time() - started) / ASKED)
    return [min(took[1:])]


async def count(ask: Ask, counter: Counter) -> list[float]:
    """Calls and statements, of which the counter is told."""
    for _ in range(ASKED):  # as above
        await ask()
    calls, statements = counter.calls, counter.statements
    for _ in range(ASKED):
        await ask()
    return [(counter.calls - calls) / ASKED, (counter.statements - statements) / ASKED]


@contextmanager
def counting() -> Generator[Counter]:
    """Told by this thread and those that begin within: to count takes time."""
    counter = Counter()
    event.listen(Engine, "before_cursor_execute", counter.note)
    threading.setprofile(counter.profile)
    sys.setprofile(counter.profile)
    yield counter
    sys.setprofile(None)
    threading.setprofile(None)
    event.remove(Engine, "before_cursor_execute", counter.note)


if __name__ == "__main__":
    main()
