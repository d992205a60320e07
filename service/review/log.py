"""The log of corrections: lock it, read it, and say what stood at a version.

Samples are locked first, in order of position, and the dataset last: people who decide different
samples wait for each other only while they write.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
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

from labelaudit.enums import ReviewState, Verdict
from service.audits.suspects import newest_ranking
from service.db.statements import prepared
from service.db.tables import (
    Correction,
    Dataset,
    Sample,
    Suspect,
)
from service.review.outcome import SampleOutcome, by_position, outcome

JUDGE, JUDGED_IN = bindparam("judge", type_=String), bindparam("judged_in", type_=String)
CHUNK = 500  # positions in one query
# How often the queue follows a row being undone and brought back; after that the row counts as
# standing, so that nobody is asked twice. Even, and not much more: SQLite nests no deeper.
UNDOINGS = 6


_POSITIONS: BindParameter[int] = bindparam("positions", expanding=True)
_LOCKED = prepared(
    select(Sample)
    .where(Sample.dataset_id == bindparam("dataset"), Sample.position.in_(_POSITIONS))
    .order_by(Sample.position)
    .with_for_update()
)
_ROWS = prepared(
    select(Correction)
    .where(Correction.dataset_id == bindparam("dataset"), Correction.position.in_(_POSITIONS))
    .order_by(Correction.seq)
)


def lock_dataset(session: Session, dataset_id: str) -> int:
    """Until the transaction ends nobody else decides, reverts or publishes a ranking of this
    dataset. Returns its version."""
    version: int = session.execute(
        update(Dataset)
        .where(Dataset.id == dataset_id)
        .values(version=Dataset.version)
        .returning(Dataset.version)
    ).scalar_one()
    return version


def lock_samples(session: Session, dataset_id: str, positions: Sequence[int]) -> Sequence[Sample]:
    """Nobody is promised these samples until the transaction ends. Locked in order of position, so
    that two batches never wait for each other in a circle."""
    return session.scalars(_LOCKED, {"dataset": dataset_id, "positions": positions}).all()


def chunks(positions: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(positions), CHUNK):
        yield positions[start : start + CHUNK]


def rows_at(
    session: Session, dataset_id: str, positions: Sequence[int]
) -> dict[int, list[Correction]]:
    """Every row of these samples, oldest first."""
    return by_position(
        row
        for some in chunks(positions)
        for row in session.scalars(_ROWS, {"dataset": dataset_id, "positions": some})
    )


def outcomes_at(
    session: Session, dataset_id: str, positions: Sequence[int]
) -> dict[int, SampleOutcome]:
    """Where each of these samples stands."""
    rows = rows_at(session, dataset_id, positions)
    return {position: outcome(rows.get(position, [])) for position in positions}


def outcome_of(session: Session, dataset_id: str, position: int) -> SampleOutcome:
    return outcomes_at(session, dataset_id, [position])[position]


def corrections_at(session: Session, dataset_id: str, version: int) -> dict[int, Correction]:
    """What is decided at a version: position -> the correction that decides."""
    rows = session.scalars(
        select(Correction)
        .where(Correction.dataset_id == dataset_id, Correction.seq <= version)
        .order_by(Correction.seq)
    )
    found = {}
    for position, of_sample in by_position(rows).items():
        decision = outcome(of_sample).decision
        if decision is not None:
            found[position] = decision
    return found


def list_corrections(
    session: Session, audit_id: str, *, after: int, limit: int, blind_to: str | None = None
) -> Sequence[Correction]:
    """Oldest first, those after the sequence number `after`. Whoever `blind_to` names (a key id)
    is not told what others say of samples that still wait for an opinion."""
    query = select(Correction).where(Correction.audit_id == audit_id, Correction.seq > after)
    if blind_to is not None:
        waiting = (
            select(Suspect.rank)
            .where(
                Suspect.ranking_id == newest_ranking(session, audit_id).id,
                Suspect.sample_id == Correction.sample_id,
                Suspect.state.in_([ReviewState.open, ReviewState.skipped]),
                Suspect.opinions > 0,
            )
            .exists()
        )
        query = query.where(or_(Correction.key_id == blind_to, ~waiting))
    return session.scalars(query.order_by(Correction.seq).limit(limit)).all()


@lru_cache
def has_judged(*, or_skipped: bool = False) -> ColumnElement[bool]:
    """Whether a person has given an opinion of the suspect of the outer query that stands: a
    condition for `where`, of the person and dataset in the parameters `judged_by`. Made once,
    since making it takes longer than asking it."""
    row = aliased(Correction)
    said: list[ColumnElement[bool]] = [row.verdict.is_not(None)]
    if not or_skipped:
        said.append(row.verdict != Verdict.skip)
    return (
        select(row.id)
        .where(
            row.dataset_id == JUDGED_IN,
            row.position == Suspect.position,
            row.key_id == JUDGE,
            and_(*said),
            _stands(row),
        )
        .exists()
    )


def judged_by(key_id: str, dataset_id: str) -> dict[str, str]:
    """The parameters of a query with `has_judged`."""
    return {"judge": key_id, "judged_in": dataset_id}


def _stands(row: Any, undoings: int = UNDOINGS) -> ColumnElement[bool]:
    """Whether no undoing that stands names the row. At most one row names each, so what nests here
    is one look-up for every time that the row was undone or brought back. A value and no NOT
    EXISTS: those PostgreSQL makes joins of, and on a table too small for an index each of them
    crosses all the others: minutes for fifty rows."""
    undo = aliased(Correction)
    undone = _stands(undo, undoings - 1) if undoings > 1 else true()
    return ~func.coalesce(
        select(undone).select_from(undo).where(undo.reverts == row.id).scalar_subquery(), false()
    )
