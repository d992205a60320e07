"""The log of corrections: lock it, read it, and compute what applied at a version.

Samples are locked first, in order of position, and the dataset last: people who review different
samples wait for each other only while they write.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    and_,
    bindparam,
    false,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session, aliased

from labelaudit.enums import Verdict
from service.core.errors import NotFound
from service.db.statements import cached_statement
from service.db.tables import (
    Audit,
    Correction,
    Dataset,
    Ranking,
    Sample,
    Suspect,
)
from service.review.conditions import at_positions, partially_reviewed
from service.review.outcome import SampleOutcome, by_position, outcome

REVIEWER = bindparam("reviewer", type_=String)
REVIEWED_DATASET = bindparam("reviewed_dataset", type_=String)
CHUNK = 500  # positions in one query
# How many reverts of reverts the queue follows; beyond that a row counts as in force, so that
# nobody is asked twice. An even number, and not much larger: SQLite nests no deeper.
MAX_REVERT_DEPTH = 6


_LOCKED = cached_statement(
    select(Sample).where(at_positions(Sample)).order_by(Sample.position).with_for_update()
)
_ROWS = cached_statement(
    select(Correction).where(at_positions(Correction)).order_by(Correction.seq)
)


def lock_dataset(session: Session, dataset_id: str) -> int:
    """Until the transaction ends, nobody else can record corrections or publish a ranking of this
    dataset. Returns its version."""
    version: int = session.execute(
        update(Dataset)
        .where(Dataset.id == dataset_id)
        .values(version=Dataset.version)
        .returning(Dataset.version)
    ).scalar_one()
    return version


def lock_samples(session: Session, dataset_id: str, positions: Sequence[int]) -> Sequence[Sample]:
    """Until the transaction ends, nobody else can lease these samples. Locked in order of position,
    so that two batches never deadlock."""
    return session.scalars(_LOCKED, {"dataset": dataset_id, "positions": positions}).all()


def chunks(positions: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(positions), CHUNK):
        yield positions[start : start + CHUNK]


def rows_at(
    session: Session, dataset_id: str, positions: Sequence[int]
) -> dict[int, list[Correction]]:
    """All corrections of these samples, oldest first."""
    return by_position(
        row
        for some in chunks(positions)
        for row in session.scalars(_ROWS, {"dataset": dataset_id, "positions": some})
    )


def outcomes_at(
    session: Session, dataset_id: str, positions: Sequence[int]
) -> dict[int, SampleOutcome]:
    """The outcome of each of these samples."""
    rows = rows_at(session, dataset_id, positions)
    return {position: outcome(rows.get(position, [])) for position in positions}


def outcome_of(session: Session, dataset_id: str, position: int) -> SampleOutcome:
    return outcomes_at(session, dataset_id, [position])[position]


def corrections_at(session: Session, dataset_id: str, version: int) -> dict[int, Correction]:
    """What applies at a version of the dataset: position -> correction."""
    rows = session.scalars(
        select(Correction)
        .where(Correction.dataset_id == dataset_id, Correction.seq <= version)
        .order_by(Correction.seq)
    )
    found = {}
    for position, of_sample in by_position(rows).items():
        correction = outcome(of_sample).correction
        if correction is not None:
            found[position] = correction
    return found


def list_corrections(
    session: Session,
    audit_id: str,
    *,
    after: int,
    limit: int,
    reader: str,
    batch_id: str | None = None,
) -> Sequence[Correction]:
    """Corrections after the sequence number `after`, oldest first. The person with the key id
    `reader` does not see others' opinions on samples that still need one."""
    query = _visible(audit_id, reader).where(Correction.seq > after)
    if batch_id is not None:
        query = query.where(Correction.batch_id == batch_id)
    return session.scalars(query.order_by(Correction.seq).limit(limit)).all()


def get_correction(
    session: Session, audit: Audit, correction_id: str, *, reader: str
) -> Correction:
    query = _visible(audit.id, reader).where(Correction.id == correction_id)
    found = session.scalars(query).first()
    if found is None:
        raise NotFound(f"The audit has no correction {correction_id!r}.")
    return found


def _visible(audit_id: str, reader: str) -> Select[Correction]:
    newest = (
        select(Ranking.id)
        .where(Ranking.audit_id == audit_id)
        .order_by(Ranking.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    begun = (
        select(Suspect.rank)
        .where(
            Suspect.ranking_id == newest,
            Suspect.sample_id == Correction.sample_id,
            partially_reviewed(),
        )
        .exists()
    )
    query = select(Correction).where(Correction.audit_id == audit_id)
    return query.where(or_(Correction.key_id == reader, ~begun))


@lru_cache
def has_reviewed(*, or_skipped: bool = False) -> ColumnElement[bool]:
    """Whether a person has an opinion in force on the suspect of the outer query: a condition for
    `where` that takes the `reviewer_parameters`. Cached, because building it takes longer than
    running it."""
    row = aliased(Correction)
    counts: list[ColumnElement[bool]] = [row.verdict.is_not(None)]
    if not or_skipped:
        counts.append(row.verdict != Verdict.skip)
    return (
        select(row.id)
        .where(
            row.dataset_id == REVIEWED_DATASET,
            row.position == Suspect.position,
            row.key_id == REVIEWER,
            and_(*counts),
            in_force(row),
        )
        .exists()
    )


def reviewer_parameters(key_id: str, dataset_id: str) -> dict[str, str]:
    """The parameters of a query with `has_reviewed`."""
    return {"reviewer": key_id, "reviewed_dataset": dataset_id}


def in_force(row: Any, depth: int = MAX_REVERT_DEPTH) -> ColumnElement[bool]:
    """Whether no revert in force cancels the row. At most one revert names a row, so this nests one
    look-up per revert in the chain. A scalar subquery instead of NOT EXISTS, because PostgreSQL
    turns the latter into joins, and on a table too small for an index each join crosses all the
    others: minutes for fifty rows."""
    revert = aliased(Correction)
    is_in_force = in_force(revert, depth - 1) if depth > 1 else true()
    reverted = select(is_in_force).select_from(revert).where(revert.reverts == row.id)
    return ~func.coalesce(reverted.scalar_subquery(), false())
