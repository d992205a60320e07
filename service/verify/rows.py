"""Do the rows agree with each other: samples with their dataset, corrections with their sample,
suspects with their ranking and with what was decided?"""

from collections.abc import Iterator

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import Session, aliased

from service.models import (
    Audit,
    Correction,
    Dataset,
    DatasetStatus,
    Ranking,
    ReviewState,
    Sample,
    Suspect,
    Verdict,
)
from service.verify.report import Violation


def contradictions(session: Session) -> Iterator[Violation]:
    yield from _samples(session)
    yield from _corrections(session)
    yield from _rankings(session)
    yield from _decided_but_open(session)
    yield from _half_leases(session)


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
        if dataset.status is not DatasetStatus.ready:
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
                undone.verdict.is_(None),
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


def _decided_but_open(session: Session) -> Iterator[Violation]:
    """A decision that stands took its sample out of the audit's queue."""
    newest = (
        select(Ranking.audit_id, func.max(Ranking.number).label("number"))
        .group_by(Ranking.audit_id)
        .subquery()
    )
    reverted = select(Correction.reverts).where(Correction.reverts.is_not(None))
    standing = (
        select(Correction.audit_id, Correction.sample_id)
        .where(
            Correction.verdict.is_not(None),
            Correction.verdict != Verdict.skip,
            Correction.id.not_in(reverted),
        )
        .distinct()
        .subquery()
    )
    rows = (
        select(Ranking.audit_id, Suspect.sample_id)
        .join(
            newest, and_(newest.c.audit_id == Ranking.audit_id, newest.c.number == Ranking.number)
        )
        .join(Suspect, Suspect.ranking_id == Ranking.id)
        .join(
            standing,
            and_(
                standing.c.audit_id == Ranking.audit_id,
                standing.c.sample_id == Suspect.sample_id,
            ),
        )
        .where(Suspect.state == ReviewState.open)
    )
    for audit_id, sample_id in session.execute(rows):
        yield _wrong(audit_id, f"the sample {sample_id!r} was decided and is open in the queue")


def _half_leases(session: Session) -> Iterator[Violation]:
    parts = (Suspect.lease_id, Suspect.lease_holder, Suspect.lease_until)
    set_parts = sum((case((part.is_not(None), 1), else_=0) for part in parts[1:]),
                    case((parts[0].is_not(None), 1), else_=0))  # fmt: skip
    rows = select(Suspect.ranking_id, Suspect.rank).where(set_parts.in_([1, 2]))
    for ranking_id, rank in session.execute(rows):
        yield _wrong(ranking_id, f"the suspect of rank {rank} has half a lease")


def _wrong(subject: str, detail: str) -> Violation:
    return Violation("rows", subject, detail)
