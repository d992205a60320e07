"""The long one: mixed load and random kills for as long as asked, and what the API holds on to."""

import contextlib
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import linregress
from scipy.stats import t as student_t
from sqlalchemy import select

from labelaudit.enums import JobStatus
from service.db.tables import Job
from tests.drills.arena import Arena
from tests.drills.registry import drill
from tests.drills.stack import Stack

PAUSE_SECONDS = (8.0, 20.0)  # between two kills
PEOPLE = 3
BLOCKS = 10
MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))


@dataclass(frozen=True)
class Sample:
    """What the API's process held at one moment."""

    at: float  # seconds
    pid: int
    mib: float  # of its own: resident, without what it maps of files
    mapped: float  # MiB of files, which the system takes back when it needs to
    descriptors: int
    threads: int


@drill()
def soak(arena: Arena) -> None:
    """Audits one after another, people who decide, and every some seconds a random kill."""
    end = time.monotonic() + 60 * MINUTES
    samples: list[Sample] = []
    with (
        _in_thread(lambda: _watch(arena.stack, samples, end)),
        _in_thread(lambda: _work(arena, end)),
    ):
        _hurt(arena, end)  # here: what a thread starts dies with that thread
    arena.notes.append(trends(samples))


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


def _watch(stack: Stack, samples: list[Sample], end: float) -> None:
    """Every some seconds: what the API's process holds."""
    while time.monotonic() < end:
        time.sleep(3)
        with contextlib.suppress(OSError, AssertionError, ValueError, KeyError):  # it may be dying
            pid = stack.service.pid
            status = Path(f"/proc/{pid}/status").read_text()
            facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
            own, mapped = (int(facts[key].split()[0]) / 1024 for key in ("RssAnon", "RssFile"))
            open_files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
            samples.append(
                Sample(time.monotonic(), pid, own, mapped, open_files, int(facts["Threads"]))
            )


def trends(samples: Sequence[Sample]) -> str:
    """How the process that lived longest grew, per hour, after the first third of its life, in
    which its caches fill. The 95 % interval is that of a line through the means of `BLOCKS` equal
    stretches: single samples depend on the ones before them, and would make it too narrow."""
    longest, _ = Counter(one.pid for one in samples).most_common(1)[0]
    lived = [one for one in samples if one.pid == longest]
    settled = lived[len(lived) // 3 :]
    minutes = (lived[-1].at - lived[0].at) / 60
    told = [_trend(settled, name) for name in ("mib", "mapped", "descriptors", "threads")]
    return f"the API process that lived longest, {minutes:.0f} minutes: {'; '.join(told)}"


def _trend(samples: Sequence[Sample], name: str) -> str:
    values = np.array([getattr(one, name) for one in samples], dtype=float)
    hours = np.array([one.at for one in samples]) / 3600
    stretches = np.array_split(np.arange(len(samples)), BLOCKS)
    means = [(hours[part].mean(), values[part].mean()) for part in stretches if len(part)]
    if len(means) < BLOCKS:
        return f"{name} {values.mean():.0f}, too short for a trend"
    line = linregress(*zip(*means, strict=True))
    half = student_t.ppf(0.975, BLOCKS - 2) * np.nan_to_num(line.stderr)  # nan where all are equal
    low, high = line.slope - half, line.slope + half
    level = "level" if low <= 0 <= high else "not level"
    return (
        f"{name} {values.mean():.0f}, {line.slope:+.1f} per hour "
        f"({low:+.1f} to {high:+.1f}, {level})"
    )


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
