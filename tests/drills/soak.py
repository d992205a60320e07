"""The long one: mixed load and random kills for as long as asked, and what the API holds on to."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import select

from labelaudit.enums import JobStatus
from service.db.tables import Job
from tests.drills.arena import Arena
from tests.drills.registry import drill
from tests.drills.stack import Stack

PAUSE_SECONDS = (8.0, 20.0)  # between two kills
PEOPLE = 3
MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))


@drill()
def soak(arena: Arena) -> None:
    """Audits one after another, people who decide, and every some seconds a random kill."""
    end = time.monotonic() + 60 * MINUTES
    samples: list[tuple[int, float, int, int]] = []
    with (
        _in_thread(lambda: _watch(arena.stack, samples, end)),
        _in_thread(lambda: _work(arena, end)),
    ):
        _hurt(arena, end)  # here: what a thread starts dies with that thread
    arena.notes.append(_flatness(samples))


def _work(arena: Arena, end: float) -> None:
    while time.monotonic() < end:
        with arena.annotators(arena.reviewable(), PEOPLE):
            pass


def _hurt(arena: Arena, end: float) -> None:
    """In the second half the API is spared, so that what it holds on to has time to show."""
    stack, half = arena.stack, time.monotonic() + 30 * MINUTES
    while time.monotonic() < end:
        time.sleep(arena.rng.uniform(*PAUSE_SECONDS))
        harms = ["worker", "worker", "postgres", "redis"]
        since = time.monotonic()
        harm = arena.rng.choice([*harms, "service"] if since < half else harms)
        if harm == "worker":
            for job in _running(stack):
                if job.attempt <= 3:
                    stack.kill_worker_of(job)
                    break
        elif harm == "service":
            stack.service.kill9()
            if stack.shape == "embedded":
                time.sleep(2.5)  # its workers notice that it is gone
            stack.start_service()
            arena.ledger.recovered(since)
        elif harm == "postgres" and stack.postgres is not None:
            stack.postgres.restart()
            stack.wait_ready()
            arena.ledger.recovered(since)
        elif harm == "redis" and stack.redis is not None:
            stack.redis.restart()
        arena.ledger.outcomes[f"harm: {harm}"] += 1


def _running(stack: Stack) -> list[Job]:
    with (
        contextlib.suppress(Exception),
        stack.deployment.database() as database,
        database.read() as session,
    ):
        return list(session.scalars(select(Job).where(Job.status == JobStatus.running)))
    return []


def _watch(stack: Stack, samples: list[tuple[int, float, int, int]], end: float) -> None:
    """Every some seconds: the API's process, its resident MiB, descriptors and threads."""
    while time.monotonic() < end:
        time.sleep(3)
        with contextlib.suppress(OSError, AssertionError, ValueError, KeyError):  # it may be dying
            pid = stack.service.pid
            status = Path(f"/proc/{pid}/status").read_text()
            facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
            resident = int(facts["VmRSS"].split()[0]) / 1024
            open_files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
            samples.append((pid, resident, open_files, int(facts["Threads"])))


def _flatness(samples: list[tuple[int, float, int, int]]) -> str:
    """Of the process that lived longest: its first third beside its last."""
    pids = [one[0] for one in samples]
    longest = max(set(pids), key=pids.count)
    lived = [one[1:] for one in samples if one[0] == longest][3:]  # it has warmed up
    third = max(1, len(lived) // 3)

    def mean(part: list[tuple[float, int, int]], column: int) -> float:
        return sum(one[column] for one in part) / len(part)

    told = [
        f"{name} {mean(lived[:third], column):.0f} -> {mean(lived[-third:], column):.0f}"
        for column, name in enumerate(("MiB", "descriptors", "threads"))
    ]
    return f"the API process that lived longest, {3 * len(lived)} s: {', '.join(told)}"


@contextlib.contextmanager
def _in_thread(work: Callable[[], None]) -> Iterator[None]:
    failed: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    yield
    thread.join()
    assert not failed, failed
