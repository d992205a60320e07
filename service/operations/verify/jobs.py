"""Does every job end? What is unfinished has a job that somebody can take; what ended has none."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from labelaudit.enums import (
    FINISHED,
    UNFINISHED,
    JobStatus,
    JobType,
)
from service.db.tables import (
    Audit,
    AuditEvent,
    Dataset,
    Export,
    Job,
    Ranking,
)
from service.jobs.graph import GRAPH
from service.operations.verify.report import Violation

OF_AUDIT = [type for type, spec in GRAPH.items() if spec.progress]  # nobody waits for the others
# By kind: how often each state occurs.
States = dict[JobType, dict[JobStatus, int]]


def violations(session: Session) -> Iterator[Violation]:
    jobs = _states(session)
    yield from _jobs(session)
    for audit in session.scalars(select(Audit).order_by(Audit.id)):
        yield from _audit(session, audit, jobs[audit.id])
    for dataset_id, status, problem in session.execute(
        select(Dataset.id, Dataset.status, Dataset.problem).order_by(Dataset.id)
    ):
        yield from _dataset(dataset_id, status, problem, jobs[dataset_id])
    for export in session.scalars(select(Export).order_by(Export.id)):
        unfinished = export.status not in FINISHED
        if unfinished != _open(jobs[export.id], JobType.export):
            yield Violation("jobs", export.id, f"it is {export.status}, its job is not")


def _states(session: Session) -> defaultdict[str, States]:
    found: defaultdict[str, States] = defaultdict(lambda: defaultdict(dict))
    for subject_id, kind, state, count in session.execute(
        select(Job.subject_id, Job.type, Job.status, func.count()).group_by(
            Job.subject_id, Job.type, Job.status
        )
    ):
        found[subject_id][kind][state] = count
    return found


def _open(jobs: States, *kinds: JobType) -> bool:
    return any(state in UNFINISHED for kind in kinds for state in jobs.get(kind, {}))


def _jobs(session: Session) -> Iterator[Violation]:
    for job in session.scalars(select(Job).where(Job.status.in_(UNFINISHED))):
        name = f"{job.subject_id} {job.type} {job.number}"
        if job.status is JobStatus.running and (job.owner is None or job.lease_until is None):
            yield Violation("jobs", name, "it runs without a lease, so nobody can take it over")
    subjects = (exists().where(model.id == Job.subject_id) for model in (Audit, Dataset, Export))
    astray = select(Job.subject_id, Job.type).where(Job.status.in_(UNFINISHED))
    for subject in subjects:
        astray = astray.where(~subject)
    for subject_id, kind in session.execute(astray):
        yield Violation("jobs", subject_id, f"a {kind} job waits for something that is gone")


def _audit(session: Session, audit: Audit, jobs: States) -> Iterator[Violation]:
    def wrong(detail: str) -> Violation:
        return Violation("jobs", audit.id, detail)

    events, last = session.execute(
        select(func.count(), func.max(AuditEvent.seq)).where(AuditEvent.audit_id == audit.id)
    ).one()
    if events != audit.last_event or (last or 0) != audit.last_event:
        yield wrong(f"it tells of {audit.last_event} events and has {events}")
    if audit.status not in FINISHED:
        if not _open(jobs, *OF_AUDIT):
            yield wrong(f"it is {audit.status}, but no job of it is left: it would never end")
        trained = jobs.get(JobType.train, {})
        waiting = sum(n for state, n in trained.items() if state is not JobStatus.completed)
        if audit.plan is not None and audit.remaining != waiting:
            yield wrong(f"it waits for {audit.remaining} shards, but {waiting} are unfinished")
        return
    if audit.status is JobStatus.completed:
        yield from (wrong(detail) for detail in _incomplete(session, audit, jobs))
    elif _open(jobs, *jobs):
        yield wrong(f"it is {audit.status}, but jobs of it are unfinished")
    if audit.status is JobStatus.failed and not audit.problem:
        yield wrong("it failed and does not say why")


def _incomplete(session: Session, audit: Audit, jobs: States) -> Iterator[str]:
    if audit.summary is None:
        yield "it is completed and has no summary"
    numbers = session.scalars(select(Ranking.number).where(Ranking.audit_id == audit.id)).all()
    if numbers.count(0) != 1 or len(set(numbers)) != len(numbers):
        yield f"it is completed and has the rankings {sorted(numbers)}"
    for kind in (JobType.encoding, JobType.train):
        states = set(jobs.get(kind, {}))
        if audit.plan is not None and states != {JobStatus.completed}:
            yield f"it is completed, but its {kind} jobs are {', '.join(sorted(states)) or 'gone'}"
    if audit.remaining:
        yield f"it is completed, but waits for {audit.remaining} shards"


def _dataset(dataset_id: str, status: JobStatus, problem: Any, jobs: States) -> Iterator[Violation]:
    if (status in UNFINISHED) != _open(jobs, JobType.ingest):
        yield Violation("jobs", dataset_id, f"it is {status}, its ingest job is not")
    if status is JobStatus.failed and not problem:
        yield Violation("jobs", dataset_id, "it failed and does not say why")
