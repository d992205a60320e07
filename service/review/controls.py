"""Controls: samples drawn at random and shown without the model's opinion.

The queue serves the worst of a tier, which says nothing about the rest; controls do. They are drawn
from the audit's first ranking, so that a sample's chance stays the same however often the audit is
ranked again: uniform within the requested tiers, otherwise in proportion to how informative a
verdict on the sample is.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from random import Random

from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import Session

from labelaudit.enums import ReviewState, Tier
from service.audits.records import get_completed_audit
from service.core.principal import Principal
from service.db.tables import (
    Audit,
    Ranking,
    Sample,
    Suspect,
)
from service.review import (
    SuspectLease,
    has_reviewed,
    lease_suspects,
    newest_ranking,
    reviewer_parameters,
    seems_free,
)

CHUNK = 500  # ranks in one query
MOST_DRAWS = 10_000  # samples of one audit
ROUNDS = 4  # how often to search again if samples that seemed free turned out to be taken
BASE_VALUE = 0.1  # the models may be confidently wrong, so every sample has a chance


def lease_controls(
    session: Session,
    audit_id: str,
    *,
    principal: Principal,
    tiers: Sequence[Tier] | None,
    count: int,
    lease_seconds: float,
) -> list[SuspectLease]:
    """Lease open samples in a random order that is fixed for each audit.

    Without `tiers` the whole ranking is sampled, weighted by `verdict_value`.
    """
    audit = get_completed_audit(session, audit_id)
    ranking = newest_ranking(session, audit_id)
    first = session.scalars(
        select(Ranking).where(Ranking.audit_id == audit_id).order_by(Ranking.number).limit(1)
    ).one()
    wanted = list(Tier) if tiers is None else tiers
    total = session.scalar(
        select(func.max(Suspect.rank)).where(
            Suspect.ranking_id == first.id, Suspect.tier.in_(wanted)
        )
    )
    random = Random(audit_id)
    order = random.sample(range(1, (total or 0) + 1), min(total or 0, MOST_DRAWS))
    if tiers is None:
        order = _weighted_order(session, first.id, order, random)
    leased: list[SuspectLease] = []
    for ranks in _chunks(order):
        sample_ids = _sample_ids(session, first.id, wanted, ranks)
        for _ in range(ROUNDS):
            free = find_free(session, audit, ranking.id, sample_ids, count - len(leased), principal)
            taken = lease_suspects(
                session,
                audit,
                free,
                principal=principal,
                lease_seconds=lease_seconds,
                is_control=True,
            )
            leased += taken
            if len(leased) == count:
                return leased
            if len(taken) == len(free):
                break
    return leased


def _chunks(ranks: list[int]) -> Iterator[list[int]]:
    return (ranks[start : start + CHUNK] for start in range(0, len(ranks), CHUNK))


def _weighted_order(
    session: Session, ranking_id: str, ranks: list[int], random: Random
) -> list[int]:
    p_wrong: dict[int, float] = {}
    for some in _chunks(ranks):
        query = select(Suspect.rank, Suspect.p_wrong).where(
            Suspect.ranking_id == ranking_id, Suspect.rank.in_(some)
        )
        p_wrong |= {row.rank: row.p_wrong for row in session.execute(query)}
    return weighted_order({rank: p_wrong[rank] for rank in ranks if rank in p_wrong}, random)


def weighted_order(p_wrong: Mapping[int, float], random: Random) -> list[int]:
    """All keys, as drawn without replacement with their `verdict_value` as weight."""
    arrival = {key: random.expovariate(verdict_value(p)) for key, p in p_wrong.items()}
    return sorted(arrival, key=arrival.__getitem__)


def verdict_value(p_wrong: float) -> float:
    """How informative a verdict is for the share of wrong labels: its standard deviation (the
    optimal allocation of Neyman, 1934), with a minimum for every sample."""
    return sqrt(p_wrong * (1.0 - p_wrong)) + BASE_VALUE


def _sample_ids(
    session: Session, ranking_id: str, tiers: Sequence[Tier], ranks: Sequence[int]
) -> list[str]:
    """The sample ids at these ranks that are in the tiers, in the order of the ranks."""
    rows = session.execute(
        select(Suspect.rank, Suspect.sample_id).where(
            Suspect.ranking_id == ranking_id, Suspect.rank.in_(ranks), Suspect.tier.in_(tiers)
        )
    )
    found = {row.rank: row.sample_id for row in rows}
    return [found[rank] for rank in ranks if rank in found]


def find_free(
    session: Session,
    audit: Audit,
    ranking_id: str,
    sample_ids: list[str],
    count: int,
    principal: Principal,
) -> Sequence[Suspect]:
    """The first `count` of the samples that are open and seem free for the caller, locked."""
    if not sample_ids:
        return []
    place = {sample_id: number for number, sample_id in enumerate(sample_ids)}
    return session.scalars(
        select(Suspect)
        .join(
            Sample,
            and_(Sample.dataset_id == audit.dataset_id, Sample.position == Suspect.position),
        )
        .where(
            Suspect.ranking_id == ranking_id,
            Suspect.sample_id.in_(sample_ids),
            Suspect.state == ReviewState.open,
            seems_free(),
            ~has_reviewed(),
        )
        .order_by(case(place, value=Suspect.sample_id))
        .limit(count)
        .with_for_update(of=Sample, skip_locked=True)
        .execution_options(populate_existing=True),
        reviewer_parameters(principal.key_id, audit.dataset_id),
    ).all()
