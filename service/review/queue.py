"""Leases: the worst suspect that still wants an opinion is handed to one person, for a while.

A sample has one lease for each person who holds it, at most as many as opinions are missing, and
never one for somebody who has judged it. Looking for samples and promising them are two statements:
first the worst that seem free are found and their `sample` rows locked, passing over those that
somebody else has locked; then, with the locks held, a fresh look at the log's states and the leases
says which are free. One statement could not do both, since it sees other tables as they were before
it waited or passed over anything.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    literal_column,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from labelaudit.enums import ReviewState, Tier
from service.audits.records import get_completed_audit
from service.audits.suspects import SuspectFilter, newest_ranking
from service.core.errors import LeaseLost
from service.core.principal import Principal
from service.db.engine import clock
from service.db.statements import CACHE_SIZE, cached_statement
from service.db.tables import (
    Audit,
    Lease,
    Sample,
    Suspect,
    new_id,
)
from service.db.tables.review import (
    BEGUN,
    CLOSED,
    FRESH,
    FRESH_FLAGGED,
)
from service.review import leases
from service.review.log import (
    JUDGE,
    JUDGED_IN,
    has_judged,
    judged_by,
)
from service.review.states import mark_full, newest_rankings

ROUNDS = 4  # how often to look further where what was found turned out to be taken


_STANDING = cached_statement(
    select(Suspect.position, Suspect.state, Suspect.opinions, Lease.holder, Lease.until <= clock())
    .outerjoin(
        Lease,
        and_(Lease.dataset_id == bindparam("dataset"), Lease.position == Suspect.position),
    )
    .where(
        Suspect.ranking_id == bindparam("ranking"),
        Suspect.rank.in_(bindparam("ranks", expanding=True)),
    )
)


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
    held: list[Held] = []

    def look(queries: Sequence[Select[Any]], missing: int) -> tuple[int, list[Held]]:
        """How many seemed free, and those that were."""
        values = {"ranking": ranking.id, **judged_by(principal.key_id, audit.dataset_id)}
        found = _worst(session, queries, values, missing)
        return len(found), hold(
            session, audit, found, principal=principal, lease_seconds=lease_seconds
        )

    # Whoever found nothing but samples that somebody has locked waits for one of them, since some
    # may yet want an opinion; for one and with none in hand, so that nobody waits in a circle.
    for patient in (False, True, False):
        for queries in _passes(wanted, tuple(but_not), patient):
            if not patient:
                for _ in range(ROUNDS):
                    found, taken = look(queries, count - len(held))
                    held += taken
                    if len(held) == count or len(taken) == found:
                        break
            elif not held:
                with session.begin_nested() as waiting:
                    _, held = look(queries, 1)
                    if not held:  # whoever waits for it too need not wait for this transaction
                        waiting.rollback()
        if held:
            break
    return held


@lru_cache(CACHE_SIZE)
def _passes(
    wanted: SuspectFilter, but_not: tuple[SuspectFilter, ...], patient: bool
) -> tuple[tuple[Select[Any], ...], ...]:
    """The queries of one pass after the other, each with an index made for it: the obvious first,
    then the possible, each by rank. Where there are many, tier by tier: one walk by rank would
    cross every sample of the tiers that are done.

    They lock what they find, passing over what is locked unless `patient`, and ask for the
    parameters `judged_by`, `ranking` and `missing`.
    """
    state = wanted.state or ReviewState.open
    free = seems_free()
    judged = has_judged(or_skipped=state is ReviewState.disputed)
    passes: list[tuple[tuple[ColumnElement[bool], ...], bool]]
    if state is not ReviewState.open:
        closed = (_indexed(CLOSED), Suspect.state == literal_column(f"'{state}'"), free, ~judged)
        passes = [(closed, False)]
    else:
        begun = (_indexed(BEGUN), Suspect.begun_by != JUDGE, free, ~judged)
        fresh = (_indexed(FRESH if wanted.issue is None else FRESH_FLAGGED), free)
        passes = [(begun, True), (fresh, False)]
    tiers = wanted.tier or tuple(Tier)
    sample = and_(Sample.dataset_id == JUDGED_IN, Sample.position == Suspect.position)

    def query(looked_for: Iterable[ColumnElement[bool]], tiers: Sequence[Tier]) -> Select[Any]:
        return cached_statement(
            wanted.apply(select(Suspect))
            .where(
                Suspect.ranking_id == bindparam("ranking"),
                *looked_for,
                *(not_(and_(*other.conditions())) for other in but_not),
                or_(*(Suspect.tier == literal_column(f"'{tier}'") for tier in tiers)),
            )
            .join(Sample, sample)
            .order_by(*([WORST_TIER] if len(tiers) > 1 else []), Suspect.rank)
            .limit(bindparam("missing", type_=Integer))
            .with_for_update(of=Sample, skip_locked=not patient)
            .execution_options(populate_existing=True)  # another round finds them as they are then
        )

    return tuple(
        tuple(
            query(looked_for, some)
            for some in ([tiers] if few else [[tier] for tier in Tier if tier in tiers])
        )
        for looked_for, few in passes
    )


WORST_TIER = case({tier: number for number, tier in enumerate(Tier)}, value=Suspect.tier)


def _indexed(condition: str) -> ColumnElement[bool]:
    """As it stands in the index: with the type Boolean SQLite would be asked whether it `= 1`,
    and would not see that the index has it."""
    return literal_column(f"({condition})")


@lru_cache
def seems_free() -> ColumnElement[bool]:
    """Whether a place is left for the caller at the suspect of the outer query, as far as one look
    can tell; `hold` decides. It needs the parameters `judged_by`."""
    mine = select(Lease.id).where(
        Lease.dataset_id == JUDGED_IN,
        Lease.position == Suspect.position,
        Lease.holder == JUDGE,
        Lease.until > clock(),
    )
    return and_(or_(Suspect.full_until.is_(None), Suspect.full_until < clock()), ~mine.exists())


def _worst(
    session: Session,
    queries: Sequence[Select[Any]],
    values: dict[str, str],
    count: int,
) -> list[Suspect]:
    """The first so many that the queries find, their samples locked."""
    found: list[Suspect] = []
    for query in queries:
        if len(found) == count:
            break
        found += session.scalars(query, {**values, "missing": count - len(found)}).all()
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
    """Lease those of the suspects, as just read, that are free; their samples are locked."""
    if not suspects:
        return []
    standing = _standing(session, audit.dataset_id, suspects)
    held = []
    for suspect in suspects:
        state, opinions, others = standing[suspect.position]
        missing = (suspect.wanted or audit.opinions) - opinions - len(others)
        unchanged = (suspect.state, suspect.opinions) == (state, opinions)
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


def _standing(
    session: Session, dataset_id: str, suspects: Sequence[Suspect]
) -> dict[int, tuple[ReviewState, int, set[str]]]:
    """Of each suspect now: its state, its opinions and who holds it. Leases that ran out are
    deleted."""
    ranks = [suspect.rank for suspect in suspects]
    here = {"dataset": dataset_id, "ranking": suspects[0].ranking_id, "ranks": ranks}
    found: dict[int, tuple[ReviewState, int, set[str]]] = {}
    over = []
    for position, state, opinions, holder, is_over in session.execute(_STANDING, here):
        _, _, holders = found.setdefault(position, (state, opinions, set()))
        if is_over:
            over.append(position)
        elif holder is not None:
            holders.add(holder)
    if over:
        leases.forget(session, dataset_id, over)
    return found


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
