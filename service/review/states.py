"""The columns of each suspect that the queue reads, kept in sync with the log and the leases.

A sample is decided once for its dataset, whichever audit asked: the newest ranking of every audit
shows it.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import BindParameter, bindparam, case, func, select, update
from sqlalchemy.orm import Session

from labelaudit.enums import ReviewState
from service.db.engine import clock
from service.db.statements import cached_statement
from service.db.tables import (
    Audit,
    Correction,
    Lease,
    Ranking,
    Sample,
    Suspect,
)
from service.review import leases
from service.review.conditions import leases_of_suspect
from service.review.log import chunks, lock_dataset, outcomes_at
from service.review.outcome import SampleOutcome

# A suspect's columns: state, opinions, wanted, begun_by.
SuspectColumns = tuple[ReviewState, int, int | None, str | None]


_RANKINGS = cached_statement(
    select(Ranking.audit_id, Ranking.id, Audit.opinions)
    .join(Audit, Audit.id == Ranking.audit_id)
    .where(Audit.dataset_id == bindparam("dataset"))
    .order_by(Ranking.number, Ranking.id)
)
_IN_DATASET: BindParameter[str] = bindparam("in_dataset")
_AT: BindParameter[int] = bindparam("at", expanding=True)
# Every ranking has an index on the ids of its samples.
_AT_SAMPLES = Suspect.sample_id.in_(
    select(Sample.sample_id).where(Sample.dataset_id == _IN_DATASET, Sample.position.in_(_AT))
)
_LIVE = select(func.count(), func.min(Lease.until)).where(
    leases_of_suspect(_IN_DATASET), Lease.until > clock()
)
_LEASE_COUNT, _FIRST_EXPIRY = (
    _LIVE.with_only_columns(column).scalar_subquery() for column in _LIVE.selected_columns
)
_IS_FULL = Suspect.opinions + _LEASE_COUNT >= func.coalesce(Suspect.wanted, bindparam("by_audit"))
_UPDATE_FULL_UNTIL = (
    update(Suspect)
    .where(Suspect.ranking_id == bindparam("ranking"), _AT_SAMPLES)
    .values(full_until=case((_IS_FULL, _FIRST_EXPIRY), else_=None))
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
        full_until=None,  # computed again for samples that need more opinions
    )
    .execution_options(synchronize_session=False)
)


def newest_rankings(session: Session, dataset_id: str) -> dict[str, int]:
    """The newest ranking of each of the dataset's audits -> how many opinions that audit wants."""
    rows = session.execute(_RANKINGS, {"dataset": dataset_id}).all()
    newest = {audit_id: (ranking_id, opinions) for audit_id, ranking_id, opinions in rows}
    return dict(newest.values())


def sync_review_states(session: Session, dataset_id: str, positions: Sequence[int]) -> None:
    """Update these samples' suspects from the log. The samples and the dataset must be locked."""
    rankings = newest_rankings(session, dataset_id)
    outcomes = outcomes_at(session, dataset_id, positions)
    write_review_states(session, dataset_id, outcomes, rankings)


def write_review_states(
    session: Session, dataset_id: str, outcomes: dict[int, SampleOutcome], rankings: dict[str, int]
) -> None:
    """Write the outcomes of samples, which must be locked, to their suspects in these rankings.
    Leases of samples that need no more opinions are deleted."""
    for some in chunks(list(outcomes)):
        found = {position: outcomes[position] for position in some}
        _write(session, dataset_id, rankings, found)
        open_positions = needing_opinions(found)
        done = [position for position in found if position not in open_positions]
        if done:
            leases.delete_all(session, dataset_id, done)
        if open_positions:
            update_full_until(session, dataset_id, open_positions, rankings)


def needing_opinions(outcomes: dict[int, SampleOutcome]) -> list[int]:
    """The positions of the samples that need another opinion."""
    return [position for position, found in outcomes.items() if found.needs_opinions]


def sync_ranking(session: Session, dataset_id: str, ranking_id: str) -> None:
    """Update all suspects of a new ranking from the log and the leases. Locks the dataset, so that
    no correction is recorded between this and the ranking's publication."""
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
    leased = session.scalars(
        select(Lease.position).where(Lease.dataset_id == dataset_id, Lease.until > clock())
    ).all()
    for some in chunks(leased):
        update_full_until(session, dataset_id, some, rankings)


def update_full_until(
    session: Session, dataset_id: str, positions: Sequence[int], rankings: dict[str, int]
) -> None:
    """Note on the suspects how long there are leases for all of their missing opinions. The queue
    skips them until then; the leases themselves decide whether a sample is free."""
    at = {"in_dataset": dataset_id, "at": positions}
    for ranking_id, opinions in rankings.items():
        session.execute(_UPDATE_FULL_UNTIL, {"ranking": ranking_id, "by_audit": opinions, **at})


def suspect_columns(found: SampleOutcome) -> SuspectColumns:
    """What a suspect repeats of its sample's outcome, so that the queue need not read the log."""
    begun_by = next(iter(found.opinions), None)
    return found.state, len(found.opinions), found.wanted, begun_by


def _write(
    session: Session,
    dataset_id: str,
    rankings: Iterable[str],
    outcomes: dict[int, SampleOutcome],
) -> None:
    """One statement per distinct outcome, of which a batch has few."""
    positions_by_columns: dict[SuspectColumns, list[int]] = {}
    for position, found in outcomes.items():
        positions_by_columns.setdefault(suspect_columns(found), []).append(position)
    for (state, opinions, wanted, begun_by), positions in positions_by_columns.items():
        values = {
            "new_state": state,
            "new_opinions": opinions,
            "new_wanted": wanted,
            "new_begun_by": begun_by,
        }
        at = {"rankings": list(rankings), "in_dataset": dataset_id, "at": positions}
        session.execute(_WRITE, {**values, **at})
