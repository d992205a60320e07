"""What the queue reads of each suspect, brought in line with the log and the leases.

A dataset's samples are decided once, whichever audit asks: each audit's newest ranking shows it.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, case, delete, func, select, update
from sqlalchemy.orm import Session

from service.database import clock
from service.models import Audit, Correction, Lease, Ranking, ReviewState, Sample, Suspect
from service.review.log import chunks, lock_dataset, outcomes_at
from service.review.outcome import Outcome

# A suspect's columns: state, opinions, wanted, begun_by.
Shown = tuple[ReviewState, int, int | None, str | None]


def newest_rankings(session: Session, dataset_id: str) -> dict[str, int]:
    """The newest ranking of each of the dataset's audits -> how many opinions that audit wants."""
    rows = session.execute(
        select(Ranking.audit_id, Ranking.id, Audit.opinions)
        .join(Audit, Audit.id == Ranking.audit_id)
        .where(Audit.dataset_id == dataset_id)
        .order_by(Ranking.number, Ranking.id)
    ).all()
    newest = {audit_id: (ranking_id, opinions) for audit_id, ranking_id, opinions in rows}
    return dict(newest.values())


def settle(session: Session, dataset_id: str, positions: Sequence[int]) -> dict[int, Outcome]:
    """Bring these samples' suspects in line with the log; they and the dataset are locked. Whatever
    is held of a sample that no longer waits for anybody's opinion is let go."""
    rankings = newest_rankings(session, dataset_id)
    found: dict[int, Outcome] = {}
    for some in chunks(positions):
        outcomes = outcomes_at(session, dataset_id, some)
        _write(session, dataset_id, list(rankings), outcomes)
        _let_go(session, dataset_id, outcomes)
        mark_full(session, dataset_id, some, rankings)
        found |= outcomes
    return found


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
    live = select(func.count(), func.min(Lease.until)).where(
        Lease.dataset_id == dataset_id, Lease.position == Suspect.position, Lease.until > clock()
    )
    held, first_free = (
        live.with_only_columns(column).scalar_subquery() for column in live.selected_columns
    )
    for ranking_id, opinions in rankings.items():
        full = Suspect.opinions + held >= func.coalesce(Suspect.wanted, opinions)
        session.execute(
            update(Suspect)
            .where(Suspect.ranking_id == ranking_id, _at(dataset_id, positions))
            .values(full_until=case((full, first_free), else_=None))
            .execution_options(synchronize_session=False)
        )


def shown(found: Outcome) -> Shown:
    """What a suspect repeats of its sample's outcome, so that the queue need not read the log."""
    begun_by = next(iter(found.opinions), None)
    return found.state, len(found.opinions), found.wanted, begun_by


def _write(
    session: Session, dataset_id: str, rankings: Sequence[str], outcomes: dict[int, Outcome]
) -> None:
    """One statement for each kind of outcome, of which a batch has few."""
    alike: dict[Shown, list[int]] = {}
    for position, found in outcomes.items():
        alike.setdefault(shown(found), []).append(position)
    for (state, opinions, wanted, begun_by), positions in alike.items():
        session.execute(
            update(Suspect)
            .where(Suspect.ranking_id.in_(rankings), _at(dataset_id, positions))
            .values(state=state, opinions=opinions, wanted=wanted, begun_by=begun_by)
            .execution_options(synchronize_session=False)
        )


def _let_go(session: Session, dataset_id: str, outcomes: dict[int, Outcome]) -> None:
    waiting = (ReviewState.open, ReviewState.skipped)
    done = [position for position, found in outcomes.items() if found.state not in waiting]
    session.execute(
        delete(Lease)
        .where(Lease.dataset_id == dataset_id, Lease.position.in_(done))
        .execution_options(synchronize_session=False)
    )


def _at(dataset_id: str, positions: Sequence[int]) -> ColumnElement[bool]:
    """Suspects are found by their sample's id, of which each ranking has an index."""
    names = select(Sample.sample_id).where(
        Sample.dataset_id == dataset_id, Sample.position.in_(positions)
    )
    return Suspect.sample_id.in_(names)
