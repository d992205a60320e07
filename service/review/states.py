"""What the queue reads of each suspect, brought in line with the log and the leases.

A dataset's samples are decided once, whichever audit asks: each audit's newest ranking shows it.
"""

from collections.abc import Sequence

from sqlalchemy import BindParameter, bindparam, case, func, select, update
from sqlalchemy.orm import Session

from labelaudit.enums import ReviewState
from service.db.engine import clock
from service.db.statements import prepared
from service.db.tables import (
    Audit,
    Correction,
    Lease,
    Ranking,
    Sample,
    Suspect,
)
from service.review import leases
from service.review.log import chunks, lock_dataset, outcomes_at
from service.review.outcome import SampleOutcome

# A suspect's columns: state, opinions, wanted, begun_by.
Shown = tuple[ReviewState, int, int | None, str | None]


_RANKINGS = prepared(
    select(Ranking.audit_id, Ranking.id, Audit.opinions)
    .join(Audit, Audit.id == Ranking.audit_id)
    .where(Audit.dataset_id == bindparam("dataset"))
    .order_by(Ranking.number, Ranking.id)
)
_IN_DATASET: BindParameter[str] = bindparam("in_dataset")
_AT: BindParameter[int] = bindparam("at", expanding=True)
# Suspects are found by their sample's id, of which each ranking has an index.
_AT_SAMPLES = Suspect.sample_id.in_(
    select(Sample.sample_id).where(Sample.dataset_id == _IN_DATASET, Sample.position.in_(_AT))
)
_LIVE = select(func.count(), func.min(Lease.until)).where(
    Lease.dataset_id == _IN_DATASET, Lease.position == Suspect.position, Lease.until > clock()
)
_HELD, _FIRST_FREE = (
    _LIVE.with_only_columns(column).scalar_subquery() for column in _LIVE.selected_columns
)
_IS_FULL = Suspect.opinions + _HELD >= func.coalesce(Suspect.wanted, bindparam("by_audit"))
_MARK_FULL = (
    update(Suspect)
    .where(Suspect.ranking_id == bindparam("ranking"), _AT_SAMPLES)
    .values(full_until=case((_IS_FULL, _FIRST_FREE), else_=None))
    .execution_options(synchronize_session=False)
)
_WRITE = (
    update(Suspect)
    .where(Suspect.ranking_id.in_(bindparam("rankings", expanding=True)), _AT_SAMPLES)
    .values(
        state=bindparam("new_state"),
        opinions=bindparam("new_opinions"),
        wanted=bindparam("new_wanted"),
        begun_by=bindparam("new_begun_by"),
        full_until=None,  # of what still waits it is found anew
    )
    .execution_options(synchronize_session=False)
)


def newest_rankings(session: Session, dataset_id: str) -> dict[str, int]:
    """The newest ranking of each of the dataset's audits -> how many opinions that audit wants."""
    rows = session.execute(_RANKINGS, {"dataset": dataset_id}).all()
    newest = {audit_id: (ranking_id, opinions) for audit_id, ranking_id, opinions in rows}
    return dict(newest.values())


def settle(session: Session, dataset_id: str, positions: Sequence[int]) -> None:
    """Bring these samples' suspects in line with the log; they and the dataset are locked."""
    rankings = newest_rankings(session, dataset_id)
    show(session, dataset_id, outcomes_at(session, dataset_id, positions), rankings)


def show(
    session: Session, dataset_id: str, outcomes: dict[int, SampleOutcome], rankings: dict[str, int]
) -> None:
    """Write where samples, which are locked, stand to their suspects in these rankings. Whatever is
    held of a sample that no longer waits for anybody's opinion is let go."""
    for some in chunks(list(outcomes)):
        found = {position: outcomes[position] for position in some}
        _write(session, dataset_id, list(rankings), found)
        waiting = still_waiting(found)
        done = [position for position in found if position not in waiting]
        if done:
            leases.let_go(session, dataset_id, done)
        if waiting:
            mark_full(session, dataset_id, waiting, rankings)


def still_waiting(outcomes: dict[int, SampleOutcome]) -> list[int]:
    """The samples that want another opinion."""
    waiting = (ReviewState.open, ReviewState.skipped)
    return [position for position, found in outcomes.items() if found.state in waiting]


def settle_ranking(session: Session, dataset_id: str, ranking_id: str) -> None:
    """Give a new ranking's suspects the states that the log and the leases say. Locks the dataset,
    so that no decision falls between this and the ranking's publication."""
    lock_dataset(session, dataset_id)
    rankings = {
        known: opinions
        for known, opinions in newest_rankings(session, dataset_id).items()
        if known == ranking_id
    }
    positions = session.scalars(
        select(Correction.position).where(Correction.dataset_id == dataset_id).distinct()
    ).all()
    for some in chunks(positions):
        _write(session, dataset_id, [ranking_id], outcomes_at(session, dataset_id, some))
    held = session.scalars(
        select(Lease.position).where(Lease.dataset_id == dataset_id, Lease.until > clock())
    ).all()
    for some in chunks(held):
        mark_full(session, dataset_id, some, rankings)


def mark_full(
    session: Session, dataset_id: str, positions: Sequence[int], rankings: dict[str, int]
) -> None:
    """Note on the suspects until when as many people hold them as opinions are missing. The queue
    passes over those; whether a sample is free is decided by the leases themselves."""
    at = {"in_dataset": dataset_id, "at": positions}
    for ranking_id, opinions in rankings.items():
        session.execute(_MARK_FULL, {"ranking": ranking_id, "by_audit": opinions, **at})


def shown(found: SampleOutcome) -> Shown:
    """What a suspect repeats of its sample's outcome, so that the queue need not read the log."""
    begun_by = next(iter(found.opinions), None)
    return found.state, len(found.opinions), found.wanted, begun_by


def _write(
    session: Session, dataset_id: str, rankings: Sequence[str], outcomes: dict[int, SampleOutcome]
) -> None:
    """One statement for each kind of outcome, of which a batch has few."""
    alike: dict[Shown, list[int]] = {}
    for position, found in outcomes.items():
        alike.setdefault(shown(found), []).append(position)
    for (state, opinions, wanted, begun_by), positions in alike.items():
        values = {
            "new_state": state,
            "new_opinions": opinions,
            "new_wanted": wanted,
            "new_begun_by": begun_by,
        }
        at = {"rankings": rankings, "in_dataset": dataset_id, "at": positions}
        session.execute(_WRITE, {**values, **at})
