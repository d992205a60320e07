"""Do the rows agree with each other: samples with their dataset, corrections with their sample,
suspects with their ranking and with what was decided?"""

from collections.abc import Iterator

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from labelaudit.enums import JobStatus
from service.db.tables import (
    Audit,
    Correction,
    Dataset,
    Lease,
    Sample,
    Suspect,
)
from service.operations.verify.report import Violation
from service.review import (
    SampleOutcome,
    by_position,
    newest_rankings,
    outcome,
    suspect_columns,
)


def violations(session: Session) -> Iterator[Violation]:
    yield from _samples(session)
    yield from _corrections(session)
    yield from _rankings(session)
    yield from _states(session)
    yield from _leases(session)


def _samples(session: Session) -> Iterator[Violation]:
    found = {
        row.dataset_id: row
        for row in session.execute(
            select(
                Sample.dataset_id,
                func.count().label("samples"),
                func.max(Sample.position).label("last"),
                func.count(Sample.given_label).label("labeled"),
                func.max(Sample.given_label).label("largest"),
            ).group_by(Sample.dataset_id)
        )
    }
    for dataset in session.scalars(select(Dataset).order_by(Dataset.id)):
        row = found.get(dataset.id)
        count = row.samples if row else 0
        if dataset.status is not JobStatus.completed:
            if count:
                yield _wrong(dataset.id, f"it is {dataset.status}, but has {count} samples")
            continue
        if count != dataset.sample_count or (row and row.last != count - 1):
            yield _wrong(dataset.id, f"it has {count} of its {dataset.sample_count} samples")
        if row and row.labeled != dataset.labeled_count:
            detail = f"{row.labeled} samples have a label, not {dataset.labeled_count}"
            yield _wrong(dataset.id, detail)
        if row and row.largest is not None and row.largest >= len(dataset.class_names):
            yield _wrong(dataset.id, f"a sample has the class {row.largest}, which has no name")


def _corrections(session: Session) -> Iterator[Violation]:
    same = and_(
        Sample.dataset_id == Correction.dataset_id,
        Sample.position == Correction.position,
        Sample.sample_id == Correction.sample_id,
        Sample.given_label == Correction.given_label,
    )
    strays = (
        select(Correction.id)
        .outerjoin(Sample, same)
        .outerjoin(Audit, Audit.id == Correction.audit_id)
        .where(or_(Sample.sample_id.is_(None), Audit.dataset_id != Correction.dataset_id))
    )
    for correction_id in session.scalars(strays):
        yield _wrong(correction_id, "it names no sample of its dataset as that was uploaded")
    undone = aliased(Correction)
    odd = (
        select(Correction.id)
        .join(undone, undone.id == Correction.reverts)
        .where(
            or_(
                undone.dataset_id != Correction.dataset_id,
                undone.position != Correction.position,
                undone.seq >= Correction.seq,
            )
        )
    )
    for correction_id in session.scalars(odd):
        yield _wrong(correction_id, "it reverts what it cannot")


def _rankings(session: Session) -> Iterator[Violation]:
    gaps = (
        select(Suspect.ranking_id, func.count())
        .group_by(Suspect.ranking_id)
        .having(or_(func.min(Suspect.rank) != 1, func.max(Suspect.rank) != func.count()))
    )
    for ranking_id, count in session.execute(gaps):
        yield _wrong(ranking_id, f"the ranks of its {count} suspects have gaps")


def _states(session: Session) -> Iterator[Violation]:
    """What the queue reads of a suspect is what follows from the log."""
    for dataset_id in session.scalars(select(Audit.dataset_id).distinct()).all():
        rows = session.scalars(
            select(Correction).where(Correction.dataset_id == dataset_id).order_by(Correction.seq)
        )
        outcomes = {position: outcome(of) for position, of in by_position(rows).items()}
        for ranking_id in newest_rankings(session, dataset_id):
            query = select(
                Suspect.position,
                Suspect.state,
                Suspect.opinions,
                Suspect.wanted,
                Suspect.begun_by,
            ).where(Suspect.ranking_id == ranking_id)
            for position, state, *rest in session.execute(query):
                should, *others = suspect_columns(outcomes.get(position, SampleOutcome()))
                if state is not should:
                    detail = f"the sample at {position} is {state} in the queue, not {should}"
                    yield _wrong(ranking_id, detail)
                elif rest != others:
                    detail = f"the sample at {position} shows other opinions than the log has"
                    yield _wrong(ranking_id, detail)


def _leases(session: Session) -> Iterator[Violation]:
    strays = (
        select(Lease.id)
        .outerjoin(
            Sample,
            and_(Sample.dataset_id == Lease.dataset_id, Sample.position == Lease.position),
        )
        .where(Sample.sample_id.is_(None))
    )
    for lease_id in session.scalars(strays):
        yield _wrong(lease_id, "it holds no sample of its dataset")


def _wrong(subject: str, detail: str) -> Violation:
    return Violation("rows", subject, detail)
