"""Drills that hurt workers."""

import signal
import time
from pathlib import Path

from labelaudit.enums import JobStatus, JobType
from service.db.tables import Job
from service.hosting import embedded, supervisor
from tests.drills.api import EventReader
from tests.drills.arena import (
    FINE_TUNING,
    QUICK,
    TRAINING,
    Arena,
)
from tests.drills.registry import PRODUCTION, drill
from tests.drills.stack import (
    Stack,
    children,
    kill,
    pid_of,
    until,
)
from tests.support import road
from worker.training.checkpoint import FILE

KILLS = 3
STOP_SECONDS = 15.0
# The answers under way, then the embedded workers, then the end of a process on a busy machine.
GRACE_SECONDS = embedded.SHUTDOWN_SECONDS + supervisor.SHUTDOWN_SECONDS + 4.0


def victim(arena: Arena, audit: str) -> Job | None:
    """A running train job that may still lose a worker, or None once the audit has ended."""

    def look() -> Job | str | None:
        if arena.stack.finished(audit):
            return "ended"
        job = arena.stack.training(audit)
        return job if job is not None and job.attempt <= KILLS else None

    found = until(look)
    return found if isinstance(found, Job) else None


def taken_up(stack: Stack, job: Job) -> bool:
    """Somebody runs the job again, or it has ended: perhaps before the blow fell."""
    (now,) = stack.jobs(job.subject_id, Job.type == job.type, Job.number == job.number)
    again = now.fence > job.fence and now.status is JobStatus.running
    return again or now.status is JobStatus.completed


def expect_struck(arena: Arena, audit: str) -> None:
    """The audit came to what it comes to undisturbed, though somebody had to run a job again."""
    arena.expect_undisturbed(audit)
    assert arena.stack.run_again(audit), "the blow fell when nothing ran"


@drill()
def kill_workers(arena: Arena) -> None:
    """SIGKILL to the worker that trains, at random moments, three times in one audit."""
    audit = arena.start(TRAINING)
    for _ in range(KILLS):
        job = victim(arena, audit)
        if job is None:
            break
        time.sleep(arena.rng.uniform(0, 1.0))
        since = time.monotonic()
        arena.stack.kill_worker_of(job)
        until(lambda job=job: taken_up(arena.stack, job))  # type: ignore[misc]
        arena.ledger.recovered(since)
    expect_struck(arena, audit)


@drill()
def kill_fine_tuning(arena: Arena) -> None:
    """SIGKILL to the worker that fine-tunes an encoder, once it has kept a checkpoint."""
    audit = arena.start(FINE_TUNING, arena.upload(road.images(48)))
    folder = arena.stack.storage.path(f"audits/{audit.rsplit('/', 1)[1]}/shards")
    until(lambda: list(folder.glob(f".*/{FILE}")))
    job = victim(arena, audit)
    assert job is not None
    assert job.progress < 1.0, "it was too late to be killed"
    since = time.monotonic()
    arena.stack.kill_worker_of(job)
    until(lambda: taken_up(arena.stack, job))
    arena.ledger.recovered(since)
    expect_struck(arena, audit)


@drill(shapes=PRODUCTION)
def kill_pool_child(arena: Arena) -> None:
    """SIGKILL to the child in which Celery runs the job, as the kernel does when memory ends."""
    audit = arena.start(TRAINING)
    job = victim(arena, audit)
    assert job is not None
    time.sleep(arena.rng.uniform(0, 1.0))
    since = time.monotonic()
    kill(pid_of(job))
    until(lambda: taken_up(arena.stack, job))
    arena.ledger.recovered(since)
    expect_struck(arena, audit)


@drill()
def zombie_worker(arena: Arena) -> None:
    """SIGSTOP until the lease has run out and somebody else took the job over, then SIGCONT."""
    audit = arena.start(TRAINING)
    job = victim(arena, audit)
    assert job is not None
    pid = pid_of(job)
    since = time.monotonic()
    kill(pid, signal.SIGSTOP)
    try:
        until(lambda: taken_up(arena.stack, job))
        arena.ledger.recovered(since)
    finally:
        kill(pid, signal.SIGCONT)
    expect_struck(arena, audit)


@drill()
def cancel(arena: Arena) -> None:
    """Cancel in the middle of an epoch; the worker is free for the next audit within seconds."""
    audit = arena.start({**TRAINING, "epochs": 1000})
    until(lambda: arena.stack.training(audit))
    time.sleep(arena.rng.uniform(0, 0.5))
    since = time.monotonic()
    assert arena.client.call("POST", f"{audit}/cancel").json()["status"] == JobStatus.cancelled
    following = arena.start(QUICK)
    trains = (Job.type == JobType.train, Job.status != JobStatus.queued)
    until(lambda: arena.stack.jobs(following, *trains))
    arena.ledger.recovered(since)
    arena.completed(following)
    assert arena.client.call("GET", audit).json()["status"] == JobStatus.cancelled
    assert arena.client.call("GET", f"{audit}/suspects").status_code == 409


@drill()
def poison_job(arena: Arena) -> None:
    """A job that kills every worker that runs it is given up with a reason; others go on."""
    poison = arena.start({**TRAINING, "epochs": 1000, "replicas": 4})
    killed: set[int] = set()
    calm = ""
    while not arena.stack.finished(poison):
        for job in arena.stack.jobs(poison, Job.status == JobStatus.running):
            if job.type == JobType.train and job.fence not in killed:
                killed.add(job.fence)
                kill(pid_of(job))
        if killed and not calm:
            calm = arena.start(QUICK)
        time.sleep(0.05)
    job = arena.client.call("GET", poison).json()
    assert job["status"] == JobStatus.failed
    assert job["problem"]["type"] == "/problems/worker-lost"
    assert len(killed) == 5
    arena.completed(calm)


@drill()
def worker_told_to_stop(arena: Arena) -> None:
    """SIGTERM to the worker that trains: its job is given back, not finished and not counted."""
    audit = arena.start(TRAINING)
    job = victim(arena, audit)
    assert job is not None
    since = time.monotonic()
    stop_worker_of(arena.stack, job)
    arena.ledger.recovered(since)
    (now,) = arena.stack.jobs(audit, Job.type == job.type, Job.number == job.number)
    assert now.fence > job.fence or now.status is JobStatus.queued, "it ended by itself"
    arena.expect_undisturbed(audit)
    again = [(job.type, job.number, job.attempt) for job in arena.stack.run_again(audit)]
    assert not again, arena.stack.said(f"ran more than once: {again}")


def stop_worker_of(stack: Stack, job: Job) -> None:
    """SIGTERM to the worker that holds the job, until it has ended; then it is started again."""
    pid = pid_of(job)
    for worker in stack.workers:
        if pid in (worker.pid, *children(worker.pid)):
            worker.stop(seconds=STOP_SECONDS)
            worker.start()
            return
    kill(pid, signal.SIGTERM)
    until(lambda: not _alive(pid), seconds=STOP_SECONDS)


def _alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@drill()
def rolling_restart(arena: Arena) -> None:
    """SIGTERM to the API, with progress streams attached, and to a worker, while people decide."""
    reviewed, audit = arena.reviewable(), arena.start(TRAINING)
    reader = EventReader(arena, audit)
    with arena.annotators(reviewed, 4):
        job = victim(arena, audit)
        if job is not None and arena.stack.workers:
            stop_worker_of(arena.stack, job)
        time.sleep(arena.rng.uniform(0.2, 1.0))
        since = time.monotonic()
        assert arena.stack.service.stop(seconds=GRACE_SECONDS) in (0, -signal.SIGTERM)
        arena.stack.start_service()
        arena.ledger.recovered(since)
    arena.expect_undisturbed(audit)
    reader.expect_no_gap()
