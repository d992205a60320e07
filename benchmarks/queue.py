"""The review queue under load: annotators over HTTP, then the next item with a million suspects.

    python -m benchmarks.queue hammer --database sqlite:////tmp/q.sqlite3
    python -m benchmarks.queue latency --database postgresql://… --suspects 1000000

`hammer`: annotators on one queue of a real server, each answer sent twice, some leases abandoned,
some answers later than their lease; then the log and the leases are checked: nothing doubled,
nothing acknowledged and lost, no sample judged twice by one or by more people than wanted.
`latency`: the database's share of `queue/next` (lease one, give it back), by filter, before and
after hundreds of thousands are decided.
"""

import argparse
import logging
import multiprocessing
import random
import socket
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import structlog
import uvicorn
from sqlalchemy import select, update

from labelaudit.enums import ReviewState, Role, Tier
from service import review
from service.accounts.api_keys import create_key
from service.api.app import create_app
from service.core.config import Settings
from service.db.engine import Database
from service.db.migrate import upgrade
from service.db.tables import Audit, Correction, Suspect
from service.review import SuspectFilter, assignments
from service.storage.local import Storage
from tests.support.factories import (
    Store,
    in_threads,
    make_audit,
    make_dataset,
    person,
)

LEASE_SECONDS = 8.0  # longer than a crowded queue takes to answer, or everything is served anew


def hammer(url: str, *, people: int, samples: int, opinions: int) -> dict[str, Any]:
    """Review everything with everybody at once, and count what went wrong."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(url)
        upgrade(database)
        store = Store(database, Storage(Path(folder)))
        audit_id = make_audit(store, make_dataset(store, samples=samples))
        with database.write() as session:
            assignments.update_review_settings(
                session, audit_id, opinions=opinions, adjudicators=[]
            )
            keys = [
                create_key(session, name=f"p{n}", role=Role.annotator)[1] for n in range(people)
            ]
        settings = Settings(
            data_dir=Path(folder),
            database_url=url,
            storage_dir=Path(folder),
            review_lease_seconds=LEASE_SECONDS,
            free_space_watermark_bytes=0,
        )
        with _served(settings) as address:
            began = time.monotonic()
            told = in_threads(people, lambda n: _work(address, audit_id, keys[n], Random(n)))
            seconds = time.monotonic() - began
        acknowledged = [name for names, _ in told for name in names]
        waits = [wait for _, times in told for wait in times]
        with database.read() as session:
            rows = session.scalars(select(Correction).where(Correction.audit_id == audit_id)).all()
        stored = {row.id for row in rows}
        by_sample = Counter(row.sample_id for row in rows)
        by_person = Counter((row.sample_id, row.key_id) for row in rows)
        database.dispose()
        return {
            "samples": samples,
            "opinions stored": len(rows),
            "missing": samples * opinions - len(rows),
            "more than wanted": sum(count > opinions for count in by_sample.values()),
            "twice by one": sum(count > 1 for count in by_person.values()),
            "acknowledged and lost": sum(name not in stored for name in acknowledged),
            "median next ms": round(1000 * statistics.median(waits), 1),
            "seconds": round(seconds, 1),
        }


Random = random.Random


def _work(
    address: str, audit_id: str, token: str, chance: random.Random
) -> tuple[list[str], list[float]]:
    """One annotator until nothing is left: ids of what was acknowledged, seconds of each `next`."""
    acknowledged, waits, idle = [], [], 0
    headers = {"Authorization": f"Bearer {token}"}
    base = f"/v1/audits/{audit_id}"
    tiers = {"tier": ["obvious", "possible", "none"]}
    with httpx.Client(base_url=address, headers=headers, timeout=60) as client:
        while idle < 4:
            began = time.monotonic()
            items = _post(client, f"{base}/queue/next", json=tiers).json()["items"]
            waits.append(time.monotonic() - began)
            idle = 0 if items else idle + 1
            if not items:
                time.sleep(LEASE_SECONDS / 2)
                continue
            [item] = items
            fate = chance.random()
            if fate < 0.03:
                continue  # went home with it
            if fate < 0.06:
                time.sleep(LEASE_SECONDS * 1.2)
            decision = {
                "sample_id": item["sample_id"],
                "verdict": "keep",
                "lease_id": item["lease"]["lease_id"],
            }
            key = {"Idempotency-Key": uuid4().hex}
            for _ in range(2):
                body = {"corrections": [decision]}
                answer = _post(client, f"{base}/corrections", json=body, headers=key)
                if answer.status_code == 201:
                    acknowledged.append(answer.json()["items"][0]["id"])
                elif answer.status_code != 409:
                    raise RuntimeError(answer.text)
    return acknowledged, waits


def _post(client: httpx.Client, path: str, **options: Any) -> httpx.Response:
    """Sent again, as any client does, while the service says that it is busy."""
    while (answer := client.post(path, **options)).status_code == 503:
        time.sleep(0.5)
    return answer


@contextmanager
def _served(settings: Settings) -> Iterator[str]:
    """The application on a loopback port, in a process of its own: sixty clients' threads beside
    its own would be what is measured."""
    listener = socket.socket(proto=socket.IPPROTO_TCP)  # as the service's own
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(settings, listener))
    process.start()
    address = "http://{}:{}".format(*listener.getsockname())
    try:
        httpx.get(f"{address}/livez", timeout=60).raise_for_status()
        yield address
    finally:
        process.terminate()
        process.join()
        listener.close()


def _serve(settings: Settings, listener: socket.socket) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    config = uvicorn.Config(create_app(settings), log_level="critical", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


def latency(url: str, *, suspects: int, rounds: int) -> dict[str, float]:
    """Median milliseconds to lease the next sample, by what is asked for."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(url)
        upgrade(database)
        store = Store(database, Storage(Path(folder)))
        audit_id = make_audit(store, make_dataset(store, samples=suspects))
        asked = {
            "any": SuspectFilter(tier=[Tier.obvious, Tier.possible], state=ReviewState.open),
            "tier none": SuspectFilter(tier=[Tier.none], state=ReviewState.open),
            "given class": SuspectFilter(given_label=1, state=ReviewState.open),
            "class pair": SuspectFilter(given_label=1, predicted_label=2, state=ReviewState.open),
            "pair that is empty": SuspectFilter(
                tier=[Tier.obvious, Tier.possible],
                given_label=1,
                predicted_label=0,
                state=ReviewState.open,
            ),
            "a third of it": SuspectFilter(part=(1, 3), state=ReviewState.open),
        }
        found = {
            f"{name}, nothing decided": _median(database, audit_id, wanted, rounds)
            for name, wanted in asked.items()
        }
        with database.write() as session:
            ranking = review.newest_ranking(session, audit_id)
            session.execute(
                update(Suspect)
                .where(Suspect.ranking_id == ranking.id, Suspect.rank <= suspects * 0.3)
                .values(state=ReviewState.decided, opinions=1)
                .execution_options(synchronize_session=False)
            )
            session.get_one(Audit, audit_id)
        for name, wanted in asked.items():
            found[f"{name}, 30 % decided"] = _median(database, audit_id, wanted, rounds)
        database.dispose()
        return found


def _median(database: Database, audit_id: str, wanted: SuspectFilter, rounds: int) -> float:
    times = []
    for number in range(rounds):
        began = time.monotonic()
        with database.write() as session:
            held = review.lease_next(
                session,
                audit_id,
                principal=person(f"p{number % 64}"),
                wanted=wanted,
                count=1,
                lease_seconds=600,
            )
        times.append(time.monotonic() - began)
        del held
    return round(1000 * statistics.median(times), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["hammer", "latency"])
    parser.add_argument("--database", required=True)
    parser.add_argument("--people", type=int, default=64)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--opinions", type=int, default=1)
    parser.add_argument("--suspects", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=100)
    given = parser.parse_args()
    if given.what == "hammer":
        answer: dict[str, Any] = hammer(
            given.database,
            people=given.people,
            samples=given.samples,
            opinions=given.opinions,
        )
    else:
        answer = dict(latency(given.database, suspects=given.suspects, rounds=given.rounds))
    for name, value in answer.items():
        print(f"{name:40} {value}")


if __name__ == "__main__":
    main()
