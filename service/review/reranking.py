"""Rankings after the first: the same order of samples, with estimates that follow the verdicts.

Each is a snapshot. Pages of an older one stay as they were; the queue, the leases and the review
states move to the newest one in the transaction that publishes it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Table, delete, select
from sqlalchemy.orm import Session

from labelaudit.enums import (
    JobStatus,
    JobType,
    Verdict,
)
from service.audits.records import get_audit, get_completed_audit
from service.audits.suspect_row import SuspectRow
from service.core.errors import NotFound, NotReady
from service.db.bulk import bulk_insert
from service.db.tables import (
    Audit,
    Correction,
    Dataset,
    Job,
    Ranking,
    Suspect,
)
from service.jobs import records as jobs
from service.review import corrections_at, newest_ranking, sync_ranking

LABEL_VERDICTS = (Verdict.keep, Verdict.accept_suggestion, Verdict.relabel)

KEPT = 2  # newest rankings of an audit that keep their suspects, besides the first

NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class RankingJob:
    """One ranking of an audit, finished or not."""

    number: int
    status: JobStatus
    ranking_id: str | None
    verdicts: dict[str, Any] | None  # that it is based on
    problem: dict[str, Any] | None
    created_at: datetime
    finished_at: datetime | None


def request_ranking(session: Session, audit_id: str) -> RankingJob:
    """Request a ranking with the verdicts so far. One that has not started yet is reused.

    Raises
    ------
    NotReady
        The audit is not completed, or nobody has reviewed a sample of it.
    """
    get_completed_audit(session, audit_id)
    audit = lock_audit(session, audit_id)
    if not verdicts_of(session, audit):
        raise NotReady(
            "Nobody has reviewed a sample of this audit yet, so a new ranking would be the same."
        )
    last = session.scalars(
        select(Job)
        .where(Job.subject_id == audit_id, Job.type == JobType.rank)
        .order_by(Job.number.desc())
        .limit(1)
    ).first()
    number = 1 if last is None else last.number + 1
    if last is not None and last.number > 0 and last.status is JobStatus.queued:
        number = last.number
    else:
        jobs.enqueue(session, subject_id=audit_id, type=JobType.rank, numbers=[number])
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
        job.number: job
        for job in session.scalars(
            select(Job).where(Job.subject_id == audit_id, Job.type == JobType.rank)
        )
    }
    numbers = sorted(made.keys() | asked.keys(), reverse=True)
    return [_job(number, asked.get(number), made.get(number)) for number in numbers]


def parse_number(text: str) -> int:
    """Raises NotFound for text that cannot be the number of a ranking."""
    if not NUMBER.fullmatch(text):
        raise NotFound(f"The audit has no ranking {text!r}.")
    return int(text)


def get_ranking_job(session: Session, audit_id: str, number: int) -> RankingJob:
    for job in list_rankings(session, audit_id):
        if job.number == number:
            return job
    raise NotFound(f"The audit has no ranking {number}.")


def _job(number: int, job: Job | None, ranking: Ranking | None) -> RankingJob:
    row = job or ranking
    assert row is not None
    summary = ranking.summary if ranking is not None else None
    return RankingJob(
        number=number,
        status=job.status if job is not None else JobStatus.completed,
        ranking_id=ranking.id if ranking is not None else None,
        verdicts=summary.get("verdicts") if summary else None,
        problem=job.problem if job is not None else None,
        created_at=row.created_at,
        finished_at=job.finished_at if job is not None else None,
    )


def lock_audit(session: Session, audit_id: str) -> Audit:
    """Until this transaction ends, nobody else can request or publish a ranking. A stronger
    lock would block corrections, which reference their audit, before they have the dataset's."""
    query = select(Audit).where(Audit.id == audit_id).with_for_update(key_share=True)
    return session.scalars(query).one()


def verdicts_of(session: Session, audit: Audit) -> dict[int, Correction]:
    """Position -> correction that applies, of this audit's corrections that judge the label."""
    version = session.scalar(select(Dataset.version).where(Dataset.id == audit.dataset_id)) or 0
    corrections = corrections_at(session, audit.dataset_id, version)
    return {
        position: row
        for position, row in corrections.items()
        if row.audit_id == audit.id
        and row.verdict in LABEL_VERDICTS
        and row.certificate_id is None  # nobody looked at the sample
    }


def publish_ranking(
    session: Session,
    audit_id: str,
    *,
    number: int,
    ranking_id: str,
    suspects: Iterable[SuspectRow],
    summary: dict[str, Any],
) -> None:
    """Publish a later ranking; review states and leases move to it at once.

    A ranking that finishes after a newer one is kept, but nothing moves back to it.
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
        sync_ranking(session, audit.dataset_id, ranking_id)
    _prune(session, audit_id)
    session.flush()


def _prune(session: Session, audit_id: str) -> None:
    """Delete the suspects of old rankings; each ranking has one per sample.

    The newest is under review, readers may still page through the one before it, and controls are
    drawn from the tiers of the first. All summaries are kept.
    """
    pruned = [ranking.id for ranking in pruned_rankings(session, audit_id)]
    session.execute(delete(Suspect).where(Suspect.ranking_id.in_(pruned)))


@dataclass(frozen=True)
class PrunedRanking:
    """A ranking that has only its summary left. `since`: when the newer ones had displaced it."""

    id: str
    audit_id: str
    since: datetime


def pruned_rankings(session: Session, audit_id: str | None = None) -> list[PrunedRanking]:
    """The rankings without suspects, of one audit or of all. Their files are left to the
    cleanup."""
    columns = (Ranking.audit_id, Ranking.id, Ranking.number, Ranking.created_at)
    query = select(*columns).order_by(Ranking.audit_id, Ranking.number.desc(), Ranking.id.desc())
    if audit_id is not None:
        query = query.where(Ranking.audit_id == audit_id)
    found = []
    for audit, rankings in groupby(session.execute(query), key=attrgetter("audit_id")):
        newer: list[datetime] = []
        for ranking in rankings:
            if len(newer) >= KEPT and ranking.number > 0:
                since = max(ranking.created_at, sorted(newer)[KEPT - 1])
                found.append(PrunedRanking(ranking.id, audit, since))
            newer.append(ranking.created_at)
    return found
