"""Jobs: enqueue, claim under a lease, renew the lease, finish, fail, cancel.

A claim raises the job's fencing token, and every later write names it: a worker that lost its lease
(paused, cut off, cancelled) can no longer change anything. An expired lease makes the job claimable
again. Only jobs that used up their attempts need a look of their own.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from labelaudit.enums import UNFINISHED, JobStatus, JobType
from service.core.disk_full import is_disk_full
from service.core.errors import InsufficientStorage, ServiceError
from service.db.engine import PENDING_NOTIFICATIONS, clock
from service.db.tables import Job, now
from service.jobs.graph import GRAPH, Queue
from service.jobs.suspension import may_run

MAX_ATTEMPTS = 5
RETRY_AFTER_SECONDS = 2.0
FULL_DISK_SECONDS = 5.0  # doubled each time: space is freed by people, not by waiting a moment


class JobLost(Exception):
    """This worker no longer holds the job (taken over, cancelled, deleted): it must stop."""


@dataclass(frozen=True)
class Claim:
    subject_id: str
    type: JobType
    number: int
    fence: int
    attempt: int


def enqueue(
    session: Session, *, subject_id: str, type: JobType, numbers: Iterable[int] = (0,)
) -> None:
    """Queue a job for each number; workers are notified once the transaction has committed."""
    session.flush()  # the subject: row-level security takes jobs only of what is there
    queue = GRAPH[type].queue
    for number in numbers:
        session.add(Job(subject_id=subject_id, type=type, number=number, queue=queue))
    session.info.setdefault(PENDING_NOTIFICATIONS, set()).add(str(queue))


def enqueue_first(
    session: Session, subject_id: str, first: JobType, *, needs_training: bool = True
) -> None:
    """Queue the first job of a path through the graph."""
    _enqueue_from(session, subject_id, first, range(1), needs_training=needs_training)


def enqueue_next(
    session: Session,
    subject_id: str,
    finished: JobType,
    *,
    count: int = 1,
    needs_training: bool = True,
) -> None:
    """Queue what follows a finished job, if anything does."""
    following = GRAPH[finished].then
    _enqueue_from(session, subject_id, following, range(count), needs_training=needs_training)


def _enqueue_from(
    session: Session,
    subject_id: str,
    type: JobType | None,
    numbers: Iterable[int],
    *,
    needs_training: bool,
) -> None:
    while type is not None and GRAPH[type].needs_training and not needs_training:
        type = GRAPH[type].then
    if type is not None:
        enqueue(session, subject_id=subject_id, type=type, numbers=numbers)


def claimable(queues: set[str]) -> Any:
    return and_(
        Job.queue.in_(queues),
        or_(
            and_(Job.status == JobStatus.queued, Job.ready_at <= clock()),
            and_(Job.status == JobStatus.running, Job.lease_until < clock()),
        ),
    )


def claim(session: Session, *, queues: set[str], owner: str, lease_seconds: float) -> Claim | None:
    """Take the oldest job that is due or whose lease has expired, of no suspended organisation."""
    job = session.scalars(
        select(Job)
        .where(claimable(queues), Job.attempt < MAX_ATTEMPTS, may_run())
        .order_by(Job.created_at, Job.subject_id, Job.number)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if job is None:
        return None
    job.status = JobStatus.running
    job.fence += 1
    job.attempt += 1
    job.owner = owner
    job.started_at = now()
    job.progress = 0.0
    session.flush()
    _extend(session, _key(job), lease_seconds)
    return Claim(job.subject_id, job.type, job.number, job.fence, job.attempt)


def renew(session: Session, claim: Claim, *, lease_seconds: float, progress: float) -> None:
    """Extend the lease and store the job's progress, in [0, 1]. Raises JobLost, also if the job's
    organisation was suspended at the moment it was claimed."""
    held = session.execute(
        update(Job)
        .where(_held(claim), may_run())
        .values(lease_until=clock() + lease_seconds, progress=progress)
    )
    if held.rowcount == 0:  # type: ignore[attr-defined]
        raise JobLost(claim)


def finish(session: Session, claim: Claim) -> None:
    """Complete the job, in the same transaction as what it made. Raises JobLost."""
    _close(session, claim, status=JobStatus.completed, progress=1.0, finished_at=now())


def release(session: Session, claim: Claim, *, after_seconds: float = 0.0) -> None:
    """Queue the job again without counting this attempt: another worker may run it, now or
    later."""
    _close(
        session,
        claim,
        status=JobStatus.queued,
        attempt=Job.attempt - 1,
        ready_at=clock() + after_seconds,
    )


def retry_or_fail(session: Session, claim: Claim, error: Exception) -> dict[str, Any] | None:
    """After an error: None if the job will be tried again, else the problem it failed with."""
    full = is_disk_full(error)
    if isinstance(error, ServiceError):
        problem = error.problem()
    elif claim.attempt < MAX_ATTEMPTS:
        pause = FULL_DISK_SECONDS * 2 ** (claim.attempt - 1) if full else RETRY_AFTER_SECONDS
        _close(session, claim, status=JobStatus.queued, ready_at=clock() + pause)
        return None
    elif full:
        problem = InsufficientStorage(
            f"The disk was full each of the {claim.attempt} times that the {claim.type} job ran. "
            "Free some space, then start it again."
        ).problem()
    else:
        problem = ServiceError(
            f"The {claim.type} job failed {claim.attempt} times with an unexpected "
            f"{type(error).__name__}. The worker's log has the details. Fix the cause, then start "
            "it again."
        ).problem()
    _lock(session, claim.subject_id)
    _close(session, claim, status=JobStatus.failed, problem=problem, finished_at=now())
    return problem


def expire_leases(session: Session, *, queues: set[str], is_dead: Callable[[str], bool]) -> None:
    """End the leases of workers that are known to be dead, so that nobody waits for them."""
    held = select(Job).where(
        Job.queue.in_(queues), Job.status == JobStatus.running, Job.lease_until >= clock()
    )
    dead = [job for job in session.scalars(held) if job.owner and is_dead(job.owner)]
    for job in dead:
        session.execute(
            update(Job)
            .where(_key(job), Job.fence == job.fence, Job.status == JobStatus.running)
            .values(lease_until=0.0)
            .execution_options(synchronize_session=False)
        )


def fail_exhausted(session: Session, *, queues: set[str]) -> list[Job]:
    """Fail the jobs whose every attempt died with its worker, and return them."""
    jobs = session.scalars(
        select(Job)
        .where(claimable(queues), Job.attempt >= MAX_ATTEMPTS)
        .with_for_update(skip_locked=True)
    ).all()
    for job in jobs:
        job.status = JobStatus.failed
        job.fence += 1
        job.finished_at = now()
        job.problem = ServiceError(
            f"The {job.type} job was started {job.attempt} times and its worker died each time, "
            "most likely out of memory. Use a smaller batch, fewer replicas or a larger machine.",
            type="worker-lost",
        ).problem()
    return list(jobs)


def cancel(session: Session, subject_id: str) -> None:
    """Cancel every unfinished job; a worker that runs one finds out at its next renewal."""
    _lock(session, subject_id)
    session.execute(
        update(Job)
        .where(
            Job.subject_id == subject_id,
            Job.status.in_(UNFINISHED),
        )
        .values(status=JobStatus.cancelled, finished_at=now())
    )


def delete_jobs(session: Session, subject_id: str) -> None:
    """Delete every job; a worker that runs one finds out at its next renewal."""
    _lock(session, subject_id)
    session.execute(delete(Job).where(Job.subject_id == subject_id))


def waiting_queues(session: Session) -> set[str]:
    """Queues with jobs that nobody holds: their workers are to be notified again."""
    waiting = select(Job.queue).where(claimable(set(Queue)), may_run())
    return set(session.scalars(waiting.distinct()))


def progress_of(session: Session, subject_id: str) -> tuple[JobType | None, float, datetime | None]:
    """The current type of job, the mean progress of its jobs in [0, 1], and when they began."""
    row = session.execute(
        select(Job.type, func.avg(Job.progress), func.min(Job.started_at))
        .where(Job.subject_id == subject_id)
        .group_by(Job.type)
        .order_by(func.max(Job.created_at).desc())
        .limit(1)
    ).first()
    return (row[0], float(row[1]), row[2]) if row else (None, 0.0, None)


def _lock(session: Session, subject_id: str) -> None:
    """Lock a subject's jobs in a fixed order: two that fail at once must not deadlock."""
    session.execute(
        select(Job.number)
        .where(Job.subject_id == subject_id)
        .order_by(Job.type, Job.number)
        .with_for_update()
    )


def _key(job: Job) -> Any:
    return and_(Job.subject_id == job.subject_id, Job.type == job.type, Job.number == job.number)


def _extend(session: Session, where: Any, lease_seconds: float) -> None:
    session.execute(update(Job).where(where).values(lease_until=clock() + lease_seconds))


def _held(claim: Claim) -> Any:
    return and_(
        Job.subject_id == claim.subject_id,
        Job.type == claim.type,
        Job.number == claim.number,
        Job.fence == claim.fence,
        Job.status == JobStatus.running,
    )


def _close(session: Session, claim: Claim, **values: Any) -> None:
    closed = session.execute(update(Job).where(_held(claim)).values(lease_until=None, **values))
    if closed.rowcount == 0:  # type: ignore[attr-defined]
        raise JobLost(claim)
