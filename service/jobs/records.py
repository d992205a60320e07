"""Units of work: enqueue, claim under a lease, keep the lease, finish, fail, cancel.

A claim raises the step's fence; every later write names that fence, so a worker that lost its lease
(paused, cut off, cancelled) can no longer change anything. An expired lease makes the step
claimable again: there is no separate reaper but for steps that failed too often.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from labelaudit.enums import StepKind, StepState
from service.core.disk_full import is_disk_full
from service.core.errors import InsufficientStorage, ServiceError
from service.db.engine import DOORBELLS, clock
from service.db.tables import Step, now

MAX_ATTEMPTS = 5
RETRY_AFTER_SECONDS = 2.0
FULL_DISK_SECONDS = 5.0  # doubled each time: space is freed by people, not by waiting a moment


class StepLost(Exception):
    """This worker no longer holds the step (fenced, cancelled, deleted): stop, write nothing."""


@dataclass(frozen=True)
class Claim:
    subject_id: str
    kind: StepKind
    shard: int
    fence: int
    attempt: int


def enqueue(
    session: Session, *, subject_id: str, kind: StepKind, shards: int = 1, queue: str = "cpu"
) -> None:
    """Add ready steps; the doorbell rings once the transaction has committed."""
    for shard in range(shards):
        add_one(session, subject_id=subject_id, kind=kind, shard=shard, queue=queue)


def add_one(
    session: Session, *, subject_id: str, kind: StepKind, shard: int, queue: str = "cpu"
) -> None:
    """Add one ready step of a number that the caller chose."""
    session.add(Step(subject_id=subject_id, kind=kind, shard=shard, queue=queue))
    session.info.setdefault(DOORBELLS, set()).add(queue)


def claimable(queues: set[str]) -> Any:
    return and_(
        Step.queue.in_(queues),
        or_(
            and_(Step.state == StepState.ready, Step.ready_at <= clock()),
            and_(Step.state == StepState.running, Step.lease_until < clock()),
        ),
    )


def claim(session: Session, *, queues: set[str], owner: str, lease_seconds: float) -> Claim | None:
    """Take the oldest step that is ready or whose lease has run out."""
    step = session.scalars(
        select(Step)
        .where(claimable(queues), Step.attempt < MAX_ATTEMPTS)
        .order_by(Step.created_at, Step.subject_id, Step.shard)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if step is None:
        return None
    step.state = StepState.running
    step.fence += 1
    step.attempt += 1
    step.owner = owner
    step.started_at = now()
    step.progress = 0.0
    session.flush()
    _extend(session, _key(step), lease_seconds)
    return Claim(step.subject_id, step.kind, step.shard, step.fence, step.attempt)


def renew(session: Session, claim: Claim, *, lease_seconds: float, progress: float) -> None:
    """Keep the lease and tell how far the step is, in [0, 1]. Raises StepLost."""
    held = session.execute(
        update(Step)
        .where(_held(claim))
        .values(lease_until=clock() + lease_seconds, progress=progress)
    )
    if held.rowcount == 0:  # type: ignore[attr-defined]
        raise StepLost(claim)


def finish(session: Session, claim: Claim) -> None:
    """Mark the step done, in the same transaction as what it made. Raises StepLost."""
    _close(session, claim, state=StepState.done, progress=1.0, finished_at=now())


def give_back(session: Session, claim: Claim, *, after_seconds: float = 0.0) -> None:
    """Let somebody else run the step (a worker that is shutting down), or try it later."""
    _close(
        session,
        claim,
        state=StepState.ready,
        attempt=Step.attempt - 1,
        ready_at=clock() + after_seconds,
    )


def retry_or_fail(session: Session, claim: Claim, error: Exception) -> dict[str, Any] | None:
    """After an error: None if the step will be tried again, else the problem it failed with."""
    full = is_disk_full(error)
    if isinstance(error, ServiceError):
        problem = error.problem()
    elif claim.attempt < MAX_ATTEMPTS:
        pause = FULL_DISK_SECONDS * 2 ** (claim.attempt - 1) if full else RETRY_AFTER_SECONDS
        _close(session, claim, state=StepState.ready, ready_at=clock() + pause)
        return None
    elif full:
        problem = InsufficientStorage(
            f"The disk was full each of the {claim.attempt} times that the {claim.kind} step ran. "
            "Free some space, then start it again."
        ).problem()
    else:
        problem = ServiceError(
            f"The {claim.kind} step failed {claim.attempt} times with an unexpected "
            f"{type(error).__name__}. The worker's log has the details; start it again once mended."
        ).problem()
    _lock(session, claim.subject_id)
    _close(session, claim, state=StepState.failed, problem=problem, finished_at=now())
    return problem


def expire_leases(session: Session, *, queues: set[str], gone: Callable[[str], bool]) -> None:
    """End the leases of workers that are known to be dead: nobody need wait them out."""
    held = select(Step).where(
        Step.queue.in_(queues), Step.state == StepState.running, Step.lease_until >= clock()
    )
    dead = [step for step in session.scalars(held) if step.owner and gone(step.owner)]
    for step in dead:
        session.execute(
            update(Step)
            .where(_key(step), Step.fence == step.fence, Step.state == StepState.running)
            .values(lease_until=0.0)
            .execution_options(synchronize_session=False)
        )


def exhausted(session: Session, *, queues: set[str]) -> list[Step]:
    """Steps whose every attempt died with its worker; marks them failed."""
    steps = session.scalars(
        select(Step)
        .where(claimable(queues), Step.attempt >= MAX_ATTEMPTS)
        .with_for_update(skip_locked=True)
    ).all()
    for step in steps:
        step.state = StepState.failed
        step.fence += 1
        step.finished_at = now()
        step.problem = ServiceError(
            f"The {step.kind} step was started {step.attempt} times and its worker died each time, "
            "most likely out of memory. Use a smaller batch, fewer replicas or a larger machine.",
            type="worker-lost",
        ).problem()
    return list(steps)


def cancel(session: Session, subject_id: str) -> None:
    """Close every unfinished step; a worker that runs one finds out at its next renewal."""
    _lock(session, subject_id)
    session.execute(
        update(Step)
        .where(
            Step.subject_id == subject_id,
            Step.state.in_([StepState.ready, StepState.running]),
        )
        .values(state=StepState.cancelled, finished_at=now())
    )


def waiting_queues(session: Session) -> set[str]:
    """Queues with work that nobody holds: what a sweep should ring."""
    from service.jobs.broker import QUEUES

    return set(session.scalars(select(Step.queue).where(claimable(set(QUEUES))).distinct()))


def progress_of(
    session: Session, subject_id: str
) -> tuple[StepKind | None, float, datetime | None]:
    """The current kind of step, its shards' mean progress in [0, 1], and when it began."""
    row = session.execute(
        select(Step.kind, func.avg(Step.progress), func.min(Step.started_at))
        .where(Step.subject_id == subject_id)
        .group_by(Step.kind)
        .order_by(func.max(Step.created_at).desc())
        .limit(1)
    ).first()
    return (row[0], float(row[1]), row[2]) if row else (None, 0.0, None)


def _lock(session: Session, subject_id: str) -> None:
    """Lock a subject's steps in one order: two that fail at once must not wait in a circle."""
    session.execute(
        select(Step.shard)
        .where(Step.subject_id == subject_id)
        .order_by(Step.kind, Step.shard)
        .with_for_update()
    )


def _key(step: Step) -> Any:
    return and_(
        Step.subject_id == step.subject_id, Step.kind == step.kind, Step.shard == step.shard
    )


def _extend(session: Session, where: Any, lease_seconds: float) -> None:
    session.execute(update(Step).where(where).values(lease_until=clock() + lease_seconds))


def _held(claim: Claim) -> Any:
    return and_(
        Step.subject_id == claim.subject_id,
        Step.kind == claim.kind,
        Step.shard == claim.shard,
        Step.fence == claim.fence,
        Step.state == StepState.running,
    )


def _close(session: Session, claim: Claim, **values: Any) -> None:
    closed = session.execute(update(Step).where(_held(claim)).values(lease_until=None, **values))
    if closed.rowcount == 0:  # type: ignore[attr-defined]
        raise StepLost(claim)
