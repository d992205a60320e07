"""The ranked list: the newest ranking, its suspects and their review states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from threading import Lock
from typing import Any

from cachetools import LRUCache, cached
from sqlalchemy import (
    BigInteger,
    Integer,
    Row,
    Select,
    bindparam,
    func,
    literal_column,
    select,
)
from sqlalchemy.orm import Session

from labelaudit.enums import (
    JobStatus,
    ReviewState,
    Tier,
)
from service.audits.records import get_audit, get_completed_audit
from service.audits.suspect_filter import SuspectFilter
from service.core.errors import BadCursor, NotFound, NotReady
from service.db.lookup import find_child
from service.db.statements import CACHE_SIZE, cached_statement
from service.db.tables import (
    Audit,
    Dataset,
    Ranking,
    Sample,
    Suspect,
)
from service.db.tables.review import CLOSED

# The columns of each suspect in a list.
LIST_COLUMNS = (
    "rank",
    "sample_id",
    "given_label",
    "predicted_label",
    "suggested_label",
    "suggested_label_confidence",
    "p_wrong",
    "p_wrong_low",
    "p_wrong_high",
    "tier",
    "reason",
    "state",
    "issues",
    "ambiguous_score",
    "near_duplicate_score",
    "outlier_score",
    "dark_score",
    "light_score",
    "blurry_score",
    "low_information_score",
    "odd_aspect_ratio_score",
    "odd_size_score",
    "grayscale_score",
)
list_columns = attrgetter(*LIST_COLUMNS)


_NEWEST = cached_statement(
    select(Ranking)
    .where(Ranking.audit_id == bindparam("audit"))
    .order_by(Ranking.number.desc(), Ranking.id.desc())
    .limit(1)
)
_NEWEST_OF_COMPLETED = cached_statement(
    select(Ranking.id, Dataset.class_names, Dataset.version)
    .join(Audit, Audit.id == Ranking.audit_id)
    .join(Dataset, Dataset.id == Audit.dataset_id)
    .where(Ranking.audit_id == bindparam("audit"), Audit.status == JobStatus.completed)
    .order_by(Ranking.number.desc(), Ranking.id.desc())
    .limit(1)
)

_NAMED = cached_statement(
    select(Suspect).where(
        Suspect.ranking_id == bindparam("ranking"), Suspect.sample_id == bindparam("sample")
    )
)


def newest_completed_audit(session: Session, dataset_id: str) -> Audit | None:
    """The audit of the dataset that was completed last."""
    query = select(Audit).where(Audit.dataset_id == dataset_id, Audit.status == JobStatus.completed)
    return session.scalars(query.order_by(Audit.finished_at.desc(), Audit.id.desc())).first()


def newest_ranking(session: Session, audit_id: str) -> Ranking:
    ranking = session.scalars(_NEWEST, {"audit": audit_id}).first()
    if ranking is None:
        raise _no_ranking()
    return ranking


@dataclass(frozen=True)
class RankingInfo:
    """What a page of an audit's newest ranking needs."""

    ranking_id: str
    class_names: list[str]
    dataset_version: int  # raised by whatever changes a suspect's state


def newest_ranking_info(session: Session, audit_id: str) -> RankingInfo:
    """The same as loading ranking, audit and dataset, in a single query."""
    found = session.execute(_NEWEST_OF_COMPLETED, {"audit": audit_id}).first()
    if found is None:
        get_completed_audit(session, audit_id)  # raises with the reason
        raise _no_ranking()
    return RankingInfo(*found)


def _no_ranking() -> NotReady:
    return NotReady("The audit has no ranking yet; wait until its status is `completed`.")


def get_ranking(session: Session, audit_id: str, ranking_id: str) -> Ranking:
    """The ranking that a cursor names. Raises BadCursor if it is not this audit's."""
    ranking = find_child(session, Ranking, ranking_id, get_audit(session, audit_id))
    if ranking is None:
        raise BadCursor("This cursor belongs to another audit.")
    if session.get(Suspect, (ranking_id, 1)) is None:
        raise BadCursor(
            "This ranking has been replaced by newer ones. Start again without a cursor."
        )
    return ranking


def list_suspects(
    session: Session, ranking_id: str, *, wanted: SuspectFilter, after: int, limit: int
) -> Sequence[Row[Any]]:
    """Suspects after the rank `after`, worst first, as rows of `LIST_COLUMNS`. The caller must be
    allowed to see the ranking: this query does not check it."""
    values = {"ranking": ranking_id, "after": after, "limit": limit, **wanted.parameters()}
    if wanted.tier is not None:
        extents = tier_extents(session, ranking_id)
        within = [extents[tier] for tier in wanted.tier if tier in extents]
        # bounds the scan of the ranking to where the tiers are
        values["first"] = min((extent.first for extent in within), default=0)
        values["last"] = max((extent.last for extent in within), default=0)
    return session.connection().execute(_page(wanted), values).all()


def count_suspects(session: Session, ranking_id: str, wanted: SuspectFilter) -> int:
    """How many suspects match. The caller must be allowed to see the ranking."""
    query = select(func.count()).select_from(Suspect).where(Suspect.ranking_id == ranking_id)
    return int(session.scalar(wanted.apply(query), wanted.parameters()) or 0)


_IN_ROW_ORDER = cached_statement(
    select(Sample.position, *list_columns(Suspect.__table__.c))
    .select_from(Sample)
    .join(
        Suspect,
        (Suspect.ranking_id == bindparam("ranking")) & (Suspect.sample_id == Sample.sample_id),
    )
    .where(Sample.dataset_id == bindparam("dataset"), Sample.position > bindparam("after"))
    .order_by(Sample.position)
    .limit(bindparam("limit", type_=Integer))
)


def list_in_row_order(
    session: Session, dataset_id: str, ranking_id: str, *, after: int, limit: int
) -> Sequence[Row[Any]]:
    """Suspects after the position `after`, in the order of the upload, as rows of the position and
    `LIST_COLUMNS`. The caller must be allowed to see the ranking: this query does not check it."""
    values = {"dataset": dataset_id, "ranking": ranking_id, "after": after, "limit": limit}
    return session.connection().execute(_IN_ROW_ORDER, values).all()


@lru_cache(CACHE_SIZE)
def _page(wanted: SuspectFilter) -> Select[Any]:
    query = select(*list_columns(Suspect.__table__.c)).where(
        Suspect.ranking_id == bindparam("ranking"), Suspect.rank > bindparam("after")
    )
    if wanted.tier is not None:
        query = query.where(
            Suspect.rank >= bindparam("first", type_=BigInteger),
            Suspect.rank <= bindparam("last", type_=BigInteger),
        )
    ordered = wanted.apply(query).order_by(Suspect.rank)
    return ordered.limit(bindparam("limit", type_=Integer))


def get_suspect(session: Session, audit_id: str, sample_id: str) -> Suspect:
    ranking = newest_ranking(session, audit_id)
    suspect = session.scalars(_NAMED, {"ranking": ranking.id, "sample": sample_id}).first()
    if suspect is None:
        raise NotFound(f"The audit ranked no sample {sample_id!r}.")
    return suspect


def state_counts(session: Session, ranking_id: str) -> dict[Tier, dict[ReviewState, int]]:
    """The number of suspects in each tier and review state."""
    counts = {tier: dict.fromkeys(ReviewState, 0) for tier in Tier}
    closed = session.execute(
        select(Suspect.tier, Suspect.state, func.count())
        .where(Suspect.ranking_id == ranking_id, literal_column(f"({CLOSED})"))
        .group_by(Suspect.tier, Suspect.state)
    )
    for tier, state, count in closed:
        counts[tier][state] = count
    for tier, extent in tier_extents(session, ranking_id).items():
        counts[tier][ReviewState.open] = extent.count - sum(counts[tier].values())
    return counts


@dataclass(frozen=True)
class Extent:
    """The number of suspects in a tier, and its first and last rank."""

    count: int
    first: int
    last: int


@cached(LRUCache(1024), key=lambda _session, ranking_id: ranking_id, lock=Lock())
def tier_extents(session: Session, ranking_id: str) -> Mapping[Tier, Extent]:
    """The extents of all non-empty tiers, cached because a ranking's tiers never change."""
    rows = session.execute(
        select(Suspect.tier, func.count(), func.min(Suspect.rank), func.max(Suspect.rank))
        .where(Suspect.ranking_id == ranking_id)
        .group_by(Suspect.tier)
    )
    return {tier: Extent(*extent) for tier, *extent in rows}


def duplicates_of(session: Session, suspect: Suspect, *, limit: int) -> Sequence[Suspect]:
    """The other suspects in its set of near duplicates, worst first."""
    if suspect.duplicate_set is None:
        return []
    query = select(Suspect).where(
        Suspect.ranking_id == suspect.ranking_id,
        Suspect.duplicate_set == suspect.duplicate_set,
        Suspect.rank != suspect.rank,
    )
    return session.scalars(query.order_by(Suspect.rank).limit(limit)).all()
