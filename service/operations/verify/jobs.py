"""Does every job end? What is unfinished has a step that somebody can take; what ended has none."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from labelaudit.enums import (
    FINISHED,
    DatasetStatus,
    JobStatus,
    StepKind,
    StepState,
)
from service.audits.records import SPAN
from service.db.tables import (
    Audit,
    AuditEvent,
    Dataset,
    Export,
    Ranking,
    Step,
)
from service.operations.verify.report import Violation

OPEN = (StepState.ready, StepState.running)
# By kind: how often each state occurs.
States = dict[StepKind, dict[StepState, int]]


def violations(session: Session) -> Iterator[Violation]:
    steps = _states(session)
    yield from _steps(session)
    for audit in session.scalars(select(Audit).order_by(Audit.id)):
        yield from _audit(session, audit, steps[audit.id])
    for dataset_id, status, problem in session.execute(
        select(Dataset.id, Dataset.status, Dataset.problem).order_by(Dataset.id)
    ):
        yield from _dataset(dataset_id, status, problem, steps[dataset_id])
    for export in session.scalars(select(Export).order_by(Export.id)):
        unfinished = export.status not in FINISHED
        if unfinished != _open(steps[export.id], StepKind.export):
            yield Violation("jobs", export.id, f"it is {export.status}, its step is not")


def _states(session: Session) -> defaultdict[str, States]:
    found: defaultdict[str, States] = defaultdict(lambda: defaultdict(dict))
    for subject_id, kind, state, count in session.execute(
        select(Step.subject_id, Step.kind, Step.state, func.count()).group_by(
            Step.subject_id, Step.kind, Step.state
        )
    ):
        found[subject_id][kind][state] = count
    return found


def _open(steps: States, *kinds: StepKind) -> bool:
    return any(state in OPEN for kind in kinds for state in steps.get(kind, {}))


def _steps(session: Session) -> Iterator[Violation]:
    for step in session.scalars(select(Step).where(Step.state.in_(OPEN))):
        name = f"{step.subject_id} {step.kind} {step.shard}"
        if step.state is StepState.running and (step.owner is None or step.lease_until is None):
            yield Violation("jobs", name, "it runs without a lease, so nobody can take it over")
    subjects = (exists().where(model.id == Step.subject_id) for model in (Audit, Dataset, Export))
    astray = select(Step.subject_id, Step.kind).where(Step.state.in_(OPEN))
    for subject in subjects:
        astray = astray.where(~subject)
    for subject_id, kind in session.execute(astray):
        yield Violation("jobs", subject_id, f"a {kind} step waits for something that is gone")


def _audit(session: Session, audit: Audit, steps: States) -> Iterator[Violation]:
    def wrong(detail: str) -> Violation:
        return Violation("jobs", audit.id, detail)

    events, last = session.execute(
        select(func.count(), func.max(AuditEvent.seq)).where(AuditEvent.audit_id == audit.id)
    ).one()
    if events != audit.last_event or (last or 0) != audit.last_event:
        yield wrong(f"it tells of {audit.last_event} events and has {events}")
    if audit.status not in FINISHED:
        if not _open(steps, *SPAN):
            yield wrong(f"it is {audit.status}, but no step of it is left: it would never end")
        trained = steps.get(StepKind.train, {})
        waiting = sum(n for state, n in trained.items() if state is not StepState.done)
        if audit.plan is not None and audit.remaining != waiting:
            yield wrong(f"it waits for {audit.remaining} shards, but {waiting} are unfinished")
        return
    if audit.status is JobStatus.completed:
        yield from (wrong(detail) for detail in _incomplete(session, audit, steps))
    elif _open(steps, *steps):
        yield wrong(f"it is {audit.status}, but steps of it are unfinished")
    if audit.status is JobStatus.failed and not audit.problem:
        yield wrong("it failed and does not say why")


def _incomplete(session: Session, audit: Audit, steps: States) -> Iterator[str]:
    if audit.summary is None:
        yield "it is completed and has no summary"
    numbers = session.scalars(select(Ranking.number).where(Ranking.audit_id == audit.id)).all()
    if numbers.count(0) != 1 or len(set(numbers)) != len(numbers):
        yield f"it is completed and has the rankings {sorted(numbers)}"
    for kind in (StepKind.encoding, StepKind.train):
        states = set(steps.get(kind, {}))
        if audit.plan is not None and states != {StepState.done}:
            yield f"it is completed, but its {kind} steps are {', '.join(sorted(states)) or 'gone'}"
    if audit.remaining:
        yield f"it is completed, but waits for {audit.remaining} shards"


def _dataset(
    dataset_id: str, status: DatasetStatus, problem: Any, steps: States
) -> Iterator[Violation]:
    if (status is DatasetStatus.processing) != _open(steps, StepKind.ingest):
        yield Violation("jobs", dataset_id, f"it is {status}, its ingest step is not")
    if status is DatasetStatus.rejected and not problem:
        yield Violation("jobs", dataset_id, "it was rejected and does not say why")
