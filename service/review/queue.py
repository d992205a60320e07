"""Leases: the worst suspect that still wants an opinion is handed to one person, for a while.

A sample has one lease for each person who holds it, at most as many as opinions are missing, and
never one for somebody who has judged it. Looking for samples and promising them are two statements:
first the worst that seem free are found and their `sample` rows locked, passing over those that
somebody else has locked; then, with the locks held, a fresh look at the log's states and the leases
says which are free. One statement could not do both, since it sees other tables as they were before
it waited or passed over anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    delete,
    literal_column,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from service.access.principal import Principal
from service.audits import get_completed_audit
from service.database import clock
from service.errors import LeaseLost
from service.models import Audit, Lease, ReviewState, Sample, Suspect, Tier, new_id
from service.models.review import BEGUN, CLOSED, FRESH, FRESH_FLAGGED
from service.review.log import has_judged, judged_by
from service.review.ranked import SuspectFilter, newest_ranking
from service.review.states import mark_full, newest_rankings

ROUNDS = 4  # how often to look further where what was found turned out to be taken


@dataclass(frozen=True)
class Held:
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
    but_not: Sequence[SuspectFilter] = (),
) -> list[Held]:
    """Hand the worst suspects that want an opinion to one person, each under its own lease.

    Samples that a colleague has begun come first, since half a judgement is worth nothing. Those
    that fit a filter in `but_not` are left to others.
    """
    audit = get_completed_audit(session, audit_id)
    ranking = newest_ranking(session, audit_id)
    tiers = wanted.tier or list(Tier)
    held: list[Held] = []

    def look(query: Select[Any], missing: int, *, patient: bool = False) -> tuple[int, list[Held]]:
        """How many seemed free, and those that were."""
        found = _worst(session, audit.dataset_id, principal, query, walk, missing, patient=patient)
        return len(found), hold(
            session, audit, found, principal=principal, lease_seconds=lease_seconds
        )

    # Whoever found nothing but samples that somebody has locked waits for one of them, since some
    # may yet want an opinion; for one and with none in hand, so that nobody waits in a circle.
    for patient in (False, True, False):
        for looked_for, few in _passes(audit.dataset_id, principal, wanted):
            walk = [tiers] if few else [[tier] for tier in Tier if tier in tiers]
            query = wanted.apply(
                select(Suspect).where(Suspect.ranking_id == ranking.id, *looked_for)
            ).where(*(not_(and_(*other.conditions())) for other in but_not))
            if not patient:
                for _ in range(ROUNDS):
                    found, taken = look(query, count - len(held))
                    held += taken
                    if len(held) == count or len(taken) == found:
                        break
            elif not held:
                with session.begin_nested() as waiting:
                    _, held = look(query, 1, patient=True)
                    if not held:  # whoever waits for it too need not wait for this transaction
                        waiting.rollback()
        if held:
            break
    return held


def _passes(
    dataset_id: str, principal: Principal, wanted: SuspectFilter
) -> list[tuple[list[ColumnElement[bool]], bool]]:
    """The conditions of one look after the other, each with an index made for it, and whether that
    holds few samples."""
    state = wanted.state or ReviewState.open
    free = seems_free(dataset_id, principal)
    judged = has_judged(or_skipped=state is ReviewState.disputed)
    if state is not ReviewState.open:
        closed = [_indexed(CLOSED), Suspect.state == literal_column(f"'{state}'"), free, ~judged]
        return [(closed, False)]
    begun = [_indexed(BEGUN), Suspect.begun_by != principal.key_id, free, ~judged]
    fresh = FRESH if wanted.issue is None else FRESH_FLAGGED
    return [(begun, True), ([_indexed(fresh), free], False)]


WORST_TIER = case({tier: number for number, tier in enumerate(Tier)}, value=Suspect.tier)


def _indexed(condition: str) -> ColumnElement[bool]:
    """As it stands in the index: with the type Boolean SQLite would be asked whether it `= 1`,
    and would not see that the index has it."""
    return literal_column(f"({condition})")


def seems_free(dataset_id: str, principal: Principal) -> ColumnElement[bool]:
    """Whether a place is left for the caller at the suspect of the outer query, as far as one look
    can tell; `hold` decides."""
    mine = select(Lease.id).where(
        Lease.dataset_id == dataset_id,
        Lease.position == Suspect.position,
        Lease.holder == principal.key_id,
        Lease.until > clock(),
    )
    return and_(or_(Suspect.full_until.is_(None), Suspect.full_until < clock()), ~mine.exists())


def _worst(
    session: Session,
    dataset_id: str,
    principal: Principal,
    query: Select[Any],
    walk: Sequence[Sequence[Tier]],
    count: int,
    *,
    patient: bool,
) -> list[Suspect]:
    """The obvious first, then the possible, each by rank; their samples locked. Where there are
    many, tier by tier: one walk by rank would cross every sample of the tiers that are done."""
    sample = and_(Sample.dataset_id == dataset_id, Sample.position == Suspect.position)
    found: list[Suspect] = []
    for tiers in walk:
        if len(found) == count:
            break
        found += session.scalars(
            query.where(or_(*(Suspect.tier == literal_column(f"'{tier}'") for tier in tiers)))
            .join(Sample, sample)
            .order_by(*([WORST_TIER] if len(tiers) > 1 else []), Suspect.rank)
            .limit(count - len(found))
            .with_for_update(of=Sample, skip_locked=not patient),
            judged_by(principal.key_id, dataset_id),
        ).all()
    return found


def hold(
    session: Session,
    audit: Audit,
    suspects: Sequence[Suspect],
    *,
    principal: Principal,
    lease_seconds: float,
    control: bool = False,
) -> list[Held]:
    """Lease those of the suspects that are free; the caller has locked their samples."""
    if not suspects:
        return []
    before = {suspect.position: (suspect.state, suspect.opinions) for suspect in suspects}
    holders = _holders(session, audit.dataset_id, list(before))
    _look_again(session, suspects)
    held = []
    for suspect in suspects:
        others = holders[suspect.position]
        missing = (suspect.wanted or audit.opinions) - suspect.opinions - len(others)
        unchanged = (suspect.state, suspect.opinions) == before[suspect.position]
        # a dispute misses no opinion and is held by one adjudicator
        if unchanged and principal.key_id not in others and (missing > 0 or not others):
            held.append(Held(suspect, new_id("le")))
    session.add_all(
        Lease(
            id=promised.lease_id,
            dataset_id=audit.dataset_id,
            position=promised.suspect.position,
            holder=principal.key_id,
            holder_name=principal.name,
            until=clock() + lease_seconds,
            control=control,
        )
        for promised in held
    )
    session.flush()
    _mark_full(session, audit.dataset_id, [promised.suspect.position for promised in held])
    return held


def _holders(session: Session, dataset_id: str, positions: list[int]) -> dict[int, set[str]]:
    """Who holds each sample now; leases that ran out are deleted."""
    here = (Lease.dataset_id == dataset_id, Lease.position.in_(positions))
    known = session.execute(
        select(Lease.position, Lease.holder, Lease.until <= clock()).where(*here)
    )
    holders: dict[int, set[str]] = {position: set() for position in positions}
    any_over = False
    for position, holder, is_over in known:
        any_over |= is_over
        if not is_over:
            holders[position].add(holder)
    if any_over:
        session.execute(
            delete(Lease)
            .where(*here, Lease.until <= clock())
            .execution_options(synchronize_session=False)
        )
    return holders


def _look_again(session: Session, suspects: Sequence[Suspect]) -> None:
    ranks = [suspect.rank for suspect in suspects]
    session.scalars(
        select(Suspect)
        .where(Suspect.ranking_id == suspects[0].ranking_id, Suspect.rank.in_(ranks))
        .execution_options(populate_existing=True)
    ).all()


def renew_lease(
    session: Session, audit_id: str, sample_id: str, *, lease_id: str, lease_seconds: float
) -> None:
    lease = _leased(session, audit_id, sample_id, lease_id)
    session.execute(update(Lease).where(Lease.id == lease_id).values(until=clock() + lease_seconds))
    _mark_full(session, lease.dataset_id, [lease.position])


def release_lease(session: Session, audit_id: str, sample_id: str, *, lease_id: str) -> None:
    lease = _leased(session, audit_id, sample_id, lease_id)
    session.delete(lease)
    session.flush()
    _mark_full(session, lease.dataset_id, [lease.position])


def _mark_full(session: Session, dataset_id: str, positions: Sequence[int]) -> None:
    mark_full(session, dataset_id, positions, newest_rankings(session, dataset_id))


def _leased(session: Session, audit_id: str, sample_id: str, lease_id: str) -> Lease:
    """The lease, its sample locked."""
    audit = get_completed_audit(session, audit_id)
    sample = session.scalars(
        select(Sample)
        .where(Sample.dataset_id == audit.dataset_id, Sample.sample_id == sample_id)
        .with_for_update()
    ).first()
    lease = session.scalars(select(Lease).where(Lease.id == lease_id)).first()
    if sample is None or lease is None or lease.position != sample.position:
        raise LeaseLost(
            f"You no longer hold sample {sample_id!r}: the lease ran out or the sample was "
            "decided. Ask for the next one."
        )
    return lease
