"""The queries that search the queue: each walks an index made for it, the worst suspects first."""

from collections.abc import Iterable, Sequence
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
)
from sqlalchemy.orm import Session

from labelaudit.enums import ReviewState, Tier
from service.audits.suspect_filter import SuspectFilter
from service.db.engine import clock
from service.db.statements import CACHE_SIZE, cached_statement
from service.db.tables import Lease, Sample, Suspect
from service.db.tables.review import BEGUN, CLOSED, FRESH, FRESH_FLAGGED
from service.review.conditions import leases_of_suspect
from service.review.log import REVIEWED_DATASET, REVIEWER, has_reviewed


@lru_cache(CACHE_SIZE)
def scan_queries(
    wanted: SuspectFilter, excluding: tuple[SuspectFilter, ...], *, skip_locked: bool
) -> tuple[tuple[Select[Any], ...], ...]:
    """The queries of each pass of a scan, every pass with an index made for it: obvious suspects
    first, then possible ones, each by rank. Passes over many suspects query tier by tier, because
    one walk by rank would cross every sample of the tiers that are done.

    The queries lock what they find and take the `reviewer_parameters`, `ranking` and `missing`.
    """
    state = wanted.state or ReviewState.open
    free = seems_free()
    reviewed = has_reviewed(or_skipped=state is ReviewState.disputed)
    passes: list[tuple[tuple[ColumnElement[bool], ...], bool]]
    if state is not ReviewState.open:
        closed = (_indexed(CLOSED), Suspect.state == literal_column(f"'{state}'"), free, ~reviewed)
        passes = [(closed, False)]
    else:
        begun = (_indexed(BEGUN), Suspect.begun_by != REVIEWER, free, ~reviewed)
        fresh = (_indexed(FRESH if wanted.issue is None else FRESH_FLAGGED), free)
        passes = [(begun, True), (fresh, False)]
    tiers = wanted.tier or tuple(Tier)
    sample = and_(Sample.dataset_id == REVIEWED_DATASET, Sample.position == Suspect.position)

    def query(conditions: Iterable[ColumnElement[bool]], tiers: Sequence[Tier]) -> Select[Any]:
        return cached_statement(
            wanted.apply(select(Suspect))
            .where(
                Suspect.ranking_id == bindparam("ranking"),
                *conditions,
                *(not_(and_(*other.conditions())) for other in excluding),
                or_(*(Suspect.tier == literal_column(f"'{tier}'") for tier in tiers)),
            )
            .join(Sample, sample)
            .order_by(*([_WORST_TIER] if len(tiers) > 1 else []), Suspect.rank)
            .limit(bindparam("missing", type_=Integer))
            .with_for_update(of=Sample, skip_locked=skip_locked)
            .execution_options(populate_existing=True)  # another round reads them again
        )

    return tuple(
        tuple(
            query(conditions, some)
            for some in ([tiers] if few else [[tier] for tier in Tier if tier in tiers])
        )
        for conditions, few in passes
    )


_WORST_TIER = case({tier: number for number, tier in enumerate(Tier)}, value=Suspect.tier)


def _indexed(condition: str) -> ColumnElement[bool]:
    """The condition exactly as the index has it. With the type Boolean, SQLAlchemy would append
    `= 1` on SQLite, which then would not use the index."""
    return literal_column(f"({condition})")


@lru_cache
def seems_free() -> ColumnElement[bool]:
    """Whether the suspect of the outer query seems to need an opinion of the caller, as far as one
    query can tell; `lease_suspects` decides. It takes the `reviewer_parameters`."""
    own_leases = select(Lease.id).where(
        leases_of_suspect(REVIEWED_DATASET), Lease.holder == REVIEWER, Lease.until > clock()
    )
    not_full = or_(Suspect.full_until.is_(None), Suspect.full_until < clock())
    return and_(not_full, ~own_leases.exists())


def find_worst(
    session: Session,
    queries: Sequence[Select[Any]],
    parameters: dict[str, Any],
    count: int,
) -> list[Suspect]:
    """The first `count` suspects that the queries find, with their samples locked."""
    found: list[Suspect] = []
    for query in queries:
        if len(found) == count:
            break
        found += session.scalars(query, {**parameters, "missing": count - len(found)}).all()
    return found
