"""Rankings after the first: the same order of samples, with numbers that follow the verdicts.

Each is a snapshot. Pages of an older one stay as they were; the queue, the leases and the review
states move to the newest in the transaction that publishes it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, select
from sqlalchemy.orm import Session

from labelaudit.enums import (
    JobStatus,
    StepKind,
    StepState,
    Verdict,
)
from service.audits.records import SuspectRow, get_audit, get_completed_audit
from service.core.errors import NotFound, NotReady
from service.db.bulk import bulk_insert
from service.db.tables import (
    Audit,
    Correction,
    Dataset,
    Ranking,
    Step,
    Suspect,
)
from service.jobs import records as jobs
from service.review import corrections_at, newest_ranking, settle_ranking

DECIDING = (Verdict.keep, Verdict.accept_suggestion, Verdict.relabel)
STATUS = {
    StepState.ready: JobStatus.queued,
    StepState.running: JobStatus.running,
    StepState.done: JobStatus.completed,
    StepState.failed: JobStatus.failed,
    StepState.cancelled: JobStatus.cancelled,
}

KEPT = 2  # newest rankings of an audit that keep their suspects, beside the first

NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class RankingJob:
    """One ranking of an audit, made or being made."""

    number: int
    status: JobStatus
    ranking_id: str | None
    verdicts: dict[str, Any] | None  # what it was made with
    problem: dict[str, Any] | None
    created_at: datetime
    finished_at: datetime | None


def request_ranking(session: Session, audit_id: str) -> RankingJob:
    """Ask for a ranking with the verdicts so far; one that has not begun yet is that ranking.

    Raises
    ------
    NotReady
        The audit is not completed, or nobody has decided a sample of it.
    """
    get_completed_audit(session, audit_id)
    audit = lock_audit(session, audit_id)
    if not verdicts_of(session, audit):
        raise NotReady(
            "Nobody has decided a sample of this audit yet, so a new ranking would be the old one."
        )
    last = session.scalars(
        select(Step)
        .where(Step.subject_id == audit_id, Step.kind == StepKind.rank)
        .order_by(Step.shard.desc())
        .limit(1)
    ).first()
    number = 1 if last is None else last.shard + 1
    if last is not None and last.shard > 0 and last.state is StepState.ready:
        number = last.shard
    else:
        jobs.add_one(session, subject_id=audit_id, kind=StepKind.rank, shard=number)
        session.flush()
    return get_ranking_job(session, audit_id, number)


def list_rankings(session: Session, audit_id: str) -> list[RankingJob]:
    """Newest first."""
    get_audit(session, audit_id)
    made = {
        ranking.number: ranking
        for ranking in session.scalars(select(Ranking).where(Ranking.audit_id == audit_id))
    }
    asked = {
        step.shard: step
        for step in session.scalars(
            select(Step).where(Step.subject_id == audit_id, Step.kind == StepKind.rank)
        )
    }
    numbers = sorted(made.keys() | asked.keys(), reverse=True)
    return [_job(number, asked.get(number), made.get(number)) for number in numbers]


def as_number(text: str) -> int:
    """Raises NotFound for what never was the number of a ranking."""
    if not NUMBER.fullmatch(text):
        raise NotFound(f"The audit has no ranking {text!r}.")
    return int(text)


def get_ranking_job(session: Session, audit_id: str, number: int) -> RankingJob:
    for job in list_rankings(session, audit_id):
        if job.number == number:
            return job
    raise NotFound(f"The audit has no ranking {number}.")


def _job(number: int, step: Step | None, ranking: Ranking | None) -> RankingJob:
    row = step or ranking
    assert row is not None
    summary = ranking.summary if ranking is not None else None
    return RankingJob(
        number=number,
        status=STATUS[step.state] if step is not None else JobStatus.completed,
        ranking_id=ranking.id if ranking is not None else None,
        verdicts=summary.get("verdicts") if summary else None,
        problem=step.problem if step is not None else None,
        created_at=row.created_at,
        finished_at=step.finished_at if step is not None else None,
    )


def lock_audit(session: Session, audit_id: str) -> Audit:
    """Nobody else asks for or publishes a ranking until this transaction ends. No stronger a lock:
    a correction refers to its audit, and must not wait for this before it has the dataset."""
    query = select(Audit).where(Audit.id == audit_id).with_for_update(key_share=True)
    return session.scalars(query).one()


def verdicts_of(session: Session, audit: Audit) -> dict[int, Correction]:
    """Position -> the correction in force, of this audit's that say right or wrong."""
    version = session.scalar(select(Dataset.version).where(Dataset.id == audit.dataset_id)) or 0
    standing = corrections_at(session, audit.dataset_id, version)
    return {
        position: row
        for position, row in standing.items()
        if row.audit_id == audit.id and row.verdict in DECIDING
    }


def reranked(
    session: Session,
    audit_id: str,
    *,
    number: int,
    ranking_id: str,
    suspects: Iterable[SuspectRow],
    summary: dict[str, Any],
) -> None:
    """Publish a later ranking: review states and leases move to it at once.

    A ranking that was overtaken by a newer one is kept, but nothing moves back to it.
    """
    audit = lock_audit(session, audit_id)
    before = newest_ranking(session, audit_id)
    session.add(Ranking(id=ranking_id, audit_id=audit_id, number=number, summary=summary))
    session.flush()
    table = Suspect.__table__
    assert isinstance(table, Table)
    bulk_insert(session, table, ((ranking_id, *suspect) for suspect in suspects))
    if number > before.number:
        audit.summary = summary
        settle_ranking(session, audit.dataset_id, ranking_id)
    _prune(session, audit_id)
    session.flush()


def _prune(session: Session, audit_id: str) -> None:
    """Drop the suspects of old rankings, each of which has as many as there are samples.

    The newest is reviewed, pages of the one before it are still being walked, and controls are
    drawn by the tiers of the first. Summaries are all kept.
    """
    kept = session.scalars(
        select(Ranking.id)
        .where(Ranking.audit_id == audit_id)
        .order_by(Ranking.number.desc(), Ranking.id.desc())
        .limit(KEPT)
    ).all()
    older = select(Ranking.id).where(
        Ranking.audit_id == audit_id, Ranking.number > 0, Ranking.id.not_in(kept)
    )
    session.execute(delete(Suspect).where(Suspect.ranking_id.in_(older)))


def pruned(session: Session, audit_id: str) -> list[str]:
    """Rankings of which the summary alone is left; their files may go."""
    first = select(Suspect.rank).where(Suspect.ranking_id == Ranking.id, Suspect.rank == 1)
    return list(
        session.scalars(select(Ranking.id).where(Ranking.audit_id == audit_id, ~first.exists()))
    )
