"""The queue: the worst suspect that still needs an opinion is leased to one person for a while.

A sample has one lease for each person who holds it, at most as many as opinions are missing, and
never one for somebody who has already reviewed it. Finding samples and leasing them are two
statements: the first finds the worst that seem free and locks their `sample` rows, skipping rows
that somebody else has locked. With the locks held, the second reads the current states and leases
and says which samples are really free. A single statement could not do both: it would see other
tables as they were before it waited or skipped anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, select, update
from sqlalchemy.orm import Session

from labelaudit.enums import ReviewState
from service.audits.records import get_completed_audit
from service.audits.suspect_filter import SuspectFilter
from service.audits.suspects import newest_ranking
from service.core.errors import LeaseLost
from service.core.principal import Principal
from service.db.engine import clock
from service.db.statements import cached_statement
from service.db.tables import Audit, Lease, Sample, Suspect, new_id
from service.review import leases
from service.review.conditions import leases_of_suspect
from service.review.log import reviewer_parameters
from service.review.scans import find_worst, scan_queries
from service.review.states import newest_rankings, update_full_until

ROUNDS = 4  # how often to search again if samples that seemed free turned out to be taken


_CURRENT_STATES = cached_statement(
    select(Suspect.position, Suspect.state, Suspect.opinions, Lease.holder, Lease.until <= clock())
    .outerjoin(Lease, leases_of_suspect(bindparam("dataset")))
    .where(
        Suspect.ranking_id == bindparam("ranking"),
        Suspect.rank.in_(bindparam("ranks", expanding=True)),
    )
)


@dataclass(frozen=True)
class SuspectLease:
    """A suspect and the lease under which the caller holds it."""

    suspect: Suspect
    lease_id: str


def lease_next(
    session: Session,
    audit_id: str,
    *,
    principal: Principal,
    wanted: SuspectFilter,
    count: int,
    lease_seconds: float,
    excluding: Sequence[SuspectFilter] = (),
) -> list[SuspectLease]:
    """Lease the worst suspects that need an opinion to one person.

    Samples that a colleague has begun come first, because a partial set of opinions decides
    nothing. Samples that match a filter in `excluding` are left to others.
    """
    audit = get_completed_audit(session, audit_id)
    ranking = newest_ranking(session, audit_id)
    parameters = {
        "ranking": ranking.id,
        **reviewer_parameters(principal.key_id, audit.dataset_id),
        **wanted.parameters(),
    }

    def lease_found(queries: Sequence[Select[Any]], missing: int) -> tuple[int, list[SuspectLease]]:
        """How many suspects seemed free, and the leases of those that were."""
        found = find_worst(session, queries, parameters, missing)
        return len(found), lease_suspects(
            session, audit, found, principal=principal, lease_seconds=lease_seconds
        )

    def scan_unlocked() -> list[SuspectLease]:
        """Lease samples that nobody else has locked."""
        leased: list[SuspectLease] = []
        for queries in scan_queries(wanted, tuple(excluding), skip_locked=True):
            for _ in range(ROUNDS):
                found, taken = lease_found(queries, count - len(leased))
                leased += taken
                if len(leased) == count or len(taken) == found:
                    break
        return leased

    def scan_locked() -> list[SuspectLease]:
        """Wait for one locked sample, which may need an opinion after all. Only for one and while
        holding none, so that nobody waits in a circle."""
        for queries in scan_queries(wanted, tuple(excluding), skip_locked=False):
            with session.begin_nested() as savepoint:
                _, leased = lease_found(queries, 1)
                if leased:
                    return leased
                savepoint.rollback()  # so that others need not wait for this transaction
        return []

    return scan_unlocked() or scan_locked() or scan_unlocked()


def lease_suspects(
    session: Session,
    audit: Audit,
    suspects: Sequence[Suspect],
    *,
    principal: Principal,
    lease_seconds: float,
    is_control: bool = False,
) -> list[SuspectLease]:
    """Lease those of the suspects that are free. They were just read and their samples locked."""
    if not suspects:
        return []
    current_states = _current_states(session, audit.dataset_id, suspects)
    leased = []
    for suspect in suspects:
        state, opinions, holders = current_states[suspect.position]
        missing = (suspect.wanted or audit.opinions) - opinions - len(holders)
        unchanged = (suspect.state, suspect.opinions) == (state, opinions)
        # a disputed sample misses no opinion and is leased to one adjudicator
        if unchanged and principal.key_id not in holders and (missing > 0 or not holders):
            leased.append(SuspectLease(suspect, new_id("le")))
    session.add_all(
        Lease(
            id=new.lease_id,
            dataset_id=audit.dataset_id,
            position=new.suspect.position,
            holder=principal.key_id,
            holder_name=principal.name,
            until=clock() + lease_seconds,
            control=is_control,
        )
        for new in leased
    )
    session.flush()
    _update_full_until(session, audit.dataset_id, [new.suspect.position for new in leased])
    return leased


def _current_states(
    session: Session, dataset_id: str, suspects: Sequence[Suspect]
) -> dict[int, tuple[ReviewState, int, set[str]]]:
    """The current state, number of opinions and holders of each suspect, by position. Expired
    leases are deleted."""
    parameters = {
        "dataset": dataset_id,
        "ranking": suspects[0].ranking_id,
        "ranks": [suspect.rank for suspect in suspects],
    }
    found: dict[int, tuple[ReviewState, int, set[str]]] = {}
    expired = []
    for position, state, opinions, holder, is_expired in session.execute(
        _CURRENT_STATES, parameters
    ):
        _, _, holders = found.setdefault(position, (state, opinions, set()))
        if is_expired:
            expired.append(position)
        elif holder is not None:
            holders.add(holder)
    if expired:
        leases.delete_expired(session, dataset_id, expired)
    return found


def renew_lease(
    session: Session, audit_id: str, sample_id: str, *, lease_id: str, lease_seconds: float
) -> None:
    lease = _get_lease(session, audit_id, sample_id, lease_id)
    session.execute(update(Lease).where(Lease.id == lease_id).values(until=clock() + lease_seconds))
    _update_full_until(session, lease.dataset_id, [lease.position])


def release_lease(session: Session, audit_id: str, sample_id: str, *, lease_id: str) -> None:
    lease = _get_lease(session, audit_id, sample_id, lease_id)
    session.delete(lease)
    session.flush()
    _update_full_until(session, lease.dataset_id, [lease.position])


def _update_full_until(session: Session, dataset_id: str, positions: Sequence[int]) -> None:
    update_full_until(session, dataset_id, positions, newest_rankings(session, dataset_id))


def _get_lease(session: Session, audit_id: str, sample_id: str, lease_id: str) -> Lease:
    """The lease, with its sample locked."""
    audit = get_completed_audit(session, audit_id)
    sample = session.scalars(
        select(Sample)
        .where(Sample.dataset_id == audit.dataset_id, Sample.sample_id == sample_id)
        .with_for_update()
    ).first()
    lease = session.scalars(
        select(Lease).where(Lease.id == lease_id, Lease.dataset_id == audit.dataset_id)
    ).first()
    if sample is None or lease is None or lease.position != sample.position:
        raise LeaseLost(
            f"You no longer hold sample {sample_id!r}: the lease expired or the sample was "
            "decided. Ask for the next one."
        )
    return lease
