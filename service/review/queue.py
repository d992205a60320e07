"""Leases: the worst open suspect is handed to one person, for a while."""

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from service.audits import get_completed_audit
from service.database import clock
from service.errors import LeaseLost
from service.keys import Principal
from service.models import (
    Suspect,
    new_id,
)
from service.review.ranked import SuspectFilter, held_ranking


def lease_next(
    session: Session,
    audit_id: str,
    *,
    principal: Principal,
    wanted: SuspectFilter,
    count: int,
    lease_seconds: float,
) -> list[Suspect]:
    """Hand the worst suspects that nobody holds to one annotator, each under its own lease."""
    get_completed_audit(session, audit_id)
    ranking = held_ranking(session, audit_id)
    query = select(Suspect).where(
        Suspect.ranking_id == ranking.id,
        or_(Suspect.lease_until.is_(None), Suspect.lease_until < clock()),
    )
    suspects = session.scalars(
        wanted.apply(query).order_by(Suspect.rank).limit(count).with_for_update(skip_locked=True)
    ).all()
    for suspect in suspects:
        suspect.lease_id = new_id("le")
        suspect.lease_holder = principal.key_id
        suspect.control = False
    session.flush()
    set_lease_end(session, ranking.id, [suspect.rank for suspect in suspects], lease_seconds)
    for suspect in suspects:
        session.refresh(suspect)
    return list(suspects)


def renew_lease(
    session: Session, audit_id: str, sample_id: str, *, lease_id: str, lease_seconds: float
) -> Suspect:
    suspect = _leased(session, audit_id, sample_id, lease_id)
    set_lease_end(session, suspect.ranking_id, [suspect.rank], lease_seconds)
    session.refresh(suspect)
    return suspect


def release_lease(session: Session, audit_id: str, sample_id: str, *, lease_id: str) -> None:
    drop_lease(_leased(session, audit_id, sample_id, lease_id))


def set_lease_end(session: Session, ranking_id: str, ranks: list[int], seconds: float) -> None:
    session.execute(
        update(Suspect)
        .where(Suspect.ranking_id == ranking_id, Suspect.rank.in_(ranks))
        .values(lease_until=clock() + seconds)
        .execution_options(synchronize_session=False)
    )


def _leased(session: Session, audit_id: str, sample_id: str, lease_id: str) -> Suspect:
    get_completed_audit(session, audit_id)
    suspect = session.scalars(
        select(Suspect)
        .where(
            Suspect.ranking_id == held_ranking(session, audit_id).id,
            Suspect.sample_id == sample_id,
            Suspect.lease_id == lease_id,
        )
        .with_for_update()
    ).first()
    if suspect is None:
        raise LeaseLost(
            f"You no longer hold sample {sample_id!r}: the lease ran out or the sample was "
            "decided. Ask for the next one."
        )
    return suspect


def drop_lease(suspect: Suspect) -> None:
    suspect.lease_id = suspect.lease_holder = suspect.lease_until = None
    suspect.control = False
