"""How many requests the service answers, how fast, and with how much memory.

    python -m benchmarks.service [--shape production] [--samples 1000000] [--seconds 6] [--apis 2]

The whole service runs as it is deployed (`production`: Postgres, Redis, API, workers; `embedded`:
SQLite), on this machine, beside the clients. The suspects come by the real road: an upload of class
probabilities, audited. With `--apis` (production alone) the clients are dealt out to so many API
processes. Beside each figure of the service stand two of the same run: a route of
FastAPI that does nothing, and the queue page's own SQL asked from as many threads.
"""

import argparse
import asyncio
import random
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from sqlalchemy import select

from benchmarks.http_load import (
    THOUGHT,
    Connection,
    Load,
    alternate,
    at_ease,
    load,
)
from labelaudit.enums import Role
from service.accounts.api_keys import create_key
from service.api import cursors
from service.db.tables import Ranking, Suspect
from tests.drills.stack import (
    SHAPES,
    Stack,
    answers,
    children,
    running,
    until,
)

CLIENTS = (1, 32, 64)
PAGE = 50
CLASSES = 10
STREAMS = 64
CONNECTIONS = 8  # of the bare query, at most: as many as the service reads with
BARE = """
from fastapi import FastAPI
app = FastAPI()
@app.get("/")
async def nothing() -> dict[str, str]:
    return {"status": "alive"}
"""


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser("benchmarks.service", description=__doc__.split("\n")[0])
    parser.add_argument("--shape", choices=SHAPES, default="production")
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=6.0, help="for each row of the table")
    parser.add_argument("--apis", type=int, default=1, help="API processes, in production")
    options = parser.parse_args()
    with running(
        options.shape,
        rate_limit="60000/minute",
        job_lease_seconds=60,
        review_lease_seconds=3600,
    ) as stack:
        started = time.perf_counter()
        dataset, audit = prepare(stack, options.samples)
        print(f"{options.samples:,} samples uploaded and ranked in "
              f"{time.perf_counter() - started:.0f} s ({options.shape})\n")  # fmt: skip
        print("| what | clients | a second | median ms | 99 % ms | refused |")
        print("|---|--:|--:|--:|--:|---|")
        measure(stack, audit, options.samples, options.seconds, more_apis(stack, options.apis))
        streams(stack, dataset)
        exported(stack, dataset)
        print("\n| process | memory now, MiB | at its peak |\n|---|--:|--:|")
        for name, now, peak in memory(stack):
            print(f"| {name} | {now:.0f} | {peak:.0f} |")


def prepare(stack: Stack, samples: int) -> tuple[str, str]:
    """A dataset and its completed audit."""
    rng = np.random.default_rng(0)
    true = rng.integers(0, CLASSES, samples)
    given = np.where(rng.random(samples) < 0.1, rng.integers(0, CLASSES, samples), true)
    scores = rng.normal(size=(samples, CLASSES)).astype(np.float32)
    scores[np.arange(samples), true] += 4
    probabilities = np.exp(scores)
    probabilities /= probabilities.sum(1, keepdims=True)
    with tempfile.TemporaryDirectory() as folder, stack.deployment.client() as client:
        path = Path(folder) / "predictions.npz"
        names = np.array([f"class {n}" for n in range(CLASSES)])
        np.savez(path, given_label=given, pred_probs=probabilities, class_names=names)
        with path.open("rb") as file:
            sent = client.post(
                "/v1/datasets?filename=predictions.npz",
                content=iter(lambda: file.read(2**20), b""),
                timeout=600,
            )
        sent.raise_for_status()
        dataset = sent.json()["id"]
        wait(lambda: client.get(f"/v1/datasets/{dataset}").json()["status"], "completed")
        audit = client.post(f"/v1/datasets/{dataset}/audits", json={}).json()["id"]
        wait(lambda: client.get(f"/v1/audits/{audit}").json()["status"], "completed")
    return dataset, audit


def wait(status: Callable[[], str], wanted: str) -> None:
    while (found := status()) != wanted:
        assert found in ("queued", "running"), found
        time.sleep(0.5)


def more_apis(stack: Stack, count: int) -> list[int]:
    """The ports of so many API processes on the stack's database."""
    ports = [stack.deployment.port]
    for number in range(1, count):
        ports.append(ports[0] + 1 + number)
        stack.deployment.run(f"serve-{number}", "service.cli", "serve", f"--port={ports[-1]}")
        until(lambda: answers(f"http://127.0.0.1:{ports[-1]}"))
    return ports


def measure(stack: Stack, audit: str, samples: int, seconds: float, ports: list[int]) -> None:
    tokens = keys(stack, max(CLIENTS))
    (stack.deployment.folder / "bare.py").write_text(BARE)
    bare_port = ports[0] + 1
    stack.deployment.run("bare", "uvicorn", "bare:app", f"--port={bare_port}", "--no-access-log",
                         f"--app-dir={stack.deployment.folder}")  # fmt: skip
    time.sleep(3)
    leases: dict[int, tuple[str, str]] = {}

    async def nothing(one: Connection, _: int) -> tuple[int, Any]:
        return await one.ask("GET", "/")

    async def page(one: Connection, _: int) -> tuple[int, Any]:
        rank = random.randrange(1, samples)
        return await one.ask(
            "GET",
            f"/v1/audits/{audit}/suspects?limit={PAGE}&cursor={cursors.encode(ranking, rank)}",
        )

    async def first_page(one: Connection, _: int) -> tuple[int, Any]:
        return await one.ask("GET", f"/v1/audits/{audit}/suspects?limit={PAGE}")

    async def unchanged(one: Connection, _: int) -> tuple[int, Any]:
        path = f"/v1/audits/{audit}/suspects?limit={PAGE}"
        return await one.ask("GET", path, unless=one.etag)

    async def summary(one: Connection, _: int) -> tuple[int, Any]:
        return await one.ask("GET", f"/v1/audits/{audit}/summary")

    async def next_item(one: Connection, number: int) -> tuple[int, Any]:
        status, body = await one.ask("POST", f"/v1/audits/{audit}/queue/next", {"count": 1})
        if status == 200:
            item = orjson.loads(body)["items"][0]
            leases[number] = item["sample_id"], item["lease"]["lease_id"]
        return status, None

    async def submit(one: Connection, number: int) -> tuple[int, Any]:
        sample, lease = leases[number]
        decision = {"sample_id": sample, "verdict": "keep", "lease_id": lease}
        return await one.ask("POST", f"/v1/audits/{audit}/corrections", {"corrections": [decision]})

    ranking = newest(stack, audit)
    for clients in CLIENTS:
        row(
            "a route that does nothing",
            asyncio.run(load([bare_port], tokens[:clients], nothing, seconds)),
        )
        row("the page's SQL alone", bare_sql(stack, ranking, samples, clients, seconds))
        row(f"queue page of {PAGE}", asyncio.run(load(ports, tokens[:clients], page, seconds)))
        row("the first page", asyncio.run(load(ports, tokens[:clients], first_page, seconds)))
        row(
            "the first page, unchanged",
            asyncio.run(load(ports, tokens[:clients], unchanged, seconds)),
        )
        row("summary", asyncio.run(load(ports, tokens[:clients], summary, seconds)))
        row("next item", asyncio.run(load(ports, tokens[:clients], next_item, seconds)))
        one, other = asyncio.run(alternate(ports, tokens[:clients], next_item, submit, seconds))
        row("next item, while deciding", one)
        row("submit a decision", other)
    calm, decided = asyncio.run(at_ease(ports, tokens, next_item, submit, 4 * seconds))
    row(f"next item, a decision every {THOUGHT:g} s", calm)
    row(f"submit, a decision every {THOUGHT:g} s", decided)


def keys(stack: Stack, count: int) -> list[str]:
    with stack.deployment.database() as database, database.write() as session:
        return [create_key(session, name=f"a{n}", role=Role.admin)[1] for n in range(count)]


def newest(stack: Stack, audit: str) -> str:
    with stack.deployment.database() as database, database.read() as session:
        found = session.scalar(select(Ranking.id).where(Ranking.audit_id == audit))
    assert found is not None
    return found


def bare_sql(stack: Stack, ranking: str, samples: int, clients: int, seconds: float) -> Load:
    """The queue page's query on the driver itself, one connection for each client."""
    found = Load(clients, seconds)
    with stack.deployment.database() as database:
        query = str(
            select(Suspect)
            .where(Suspect.ranking_id == "ranking", Suspect.rank > 0)
            .order_by(Suspect.rank)
            .limit(PAGE)
            .compile(database.engine, compile_kwargs={"literal_binds": True})
        )
        mark = "%s" if database.engine.dialect.name == "postgresql" else "?"
        query = query.replace("'ranking'", mark).replace("> 0", f"> {mark}")
        end = time.perf_counter() + seconds

        def client() -> None:
            connection = database.engine.raw_connection()
            cursor = connection.cursor()
            while (started := time.perf_counter()) < end:
                cursor.execute(query, (ranking, random.randrange(1, samples)))
                cursor.fetchall()
                found.latencies.append(time.perf_counter() - started)
            connection.close()

        threads = [threading.Thread(target=client) for _ in range(min(clients, CONNECTIONS))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return found


def row(what: str, found: Load) -> None:
    refused = ", ".join(f"{count} x {status}" for status, count in found.refused.items()) or "none"
    print(
        f"| {what} | {found.clients} | {found.rate:,.0f} | {found.percentile(50):.1f} "
        f"| {found.percentile(99):.1f} | {refused} |",
        flush=True,
    )


def streams(stack: Stack, dataset: str) -> None:
    """Processor time that open progress streams cost while nothing happens."""
    for worker in stack.workers:
        worker.kill9()
    if stack.shape == "embedded":
        print("\nprogress streams: measured in production alone, where workers can be stopped")
        return
    with stack.deployment.client() as client:
        audit = client.post(f"/v1/datasets/{dataset}/audits", json={}).json()["id"]
    token = keys(stack, 1)[0]
    idle = processor_share(stack, 0, token, audit)
    busy = processor_share(stack, STREAMS, token, audit)
    print(
        f"\n{STREAMS} open progress streams: {100 * (busy - idle):.1f} % of a core "
        f"({100 * idle:.1f} % without them)"
    )


def processor_share(stack: Stack, count: int, token: str, audit: str) -> float:
    async def open_streams() -> float:
        opened = []
        for _ in range(count):
            one = await Connection("127.0.0.1", stack.deployment.port, token).open()
            one.writer.write(
                f"GET /v1/audits/{audit}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                f"{one.authorization}\r\n".encode()
            )
            opened.append(one)
        await asyncio.sleep(2)
        before, started = processor_seconds(stack.service.pid), time.perf_counter()
        await asyncio.sleep(8)
        share = (processor_seconds(stack.service.pid) - before) / (time.perf_counter() - started)
        for one in opened:
            one.close()
        return share

    return asyncio.run(open_streams())


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def exported(stack: Stack, dataset: str) -> None:
    for worker in stack.workers:
        worker.start()
    with stack.deployment.client() as client:
        started = time.perf_counter()
        asked = client.post(f"/v1/datasets/{dataset}/exports", json={"format": "parquet"})
        asked.raise_for_status()
        export = asked.json()["id"]
        wait(lambda: client.get(f"/v1/exports/{export}").json()["status"], "completed")
        size = client.get(f"/v1/exports/{export}").json()["bytes"]
    print(f"export as Parquet: {time.perf_counter() - started:.1f} s, {size / 2**20:.0f} MiB")


def memory(stack: Stack) -> list[tuple[str, float, float]]:
    """Resident MiB of every process of the service, now and at its peak."""
    found = []
    processes = [("API" if stack.workers else "service", stack.service.pid)]
    processes += [(f"worker {n}", worker.pid) for n, worker in enumerate(stack.workers)]
    for name, pid in processes:
        for inner, one in ((name, pid), *((f"{name}'s child", child) for child in children(pid))):
            status = Path(f"/proc/{one}/status")
            if status.exists():
                lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
                now, peak = (int(lines[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM"))
                found.append((inner, now, peak))
    return found


if __name__ == "__main__":
    main()
