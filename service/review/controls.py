"""Controls: samples drawn at random and shown without what the machine thinks.

What the queue serves is the worst of a tier and says nothing of the rest; controls do. They are
drawn by the audit's first ranking, so that however often it is ranked again a sample's chance stays
what it was: alike within the tiers that are asked for, else the larger the more a verdict tells.
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
    Held,
    has_judged,
    hold,
    judged_by,
    newest_ranking,
    seems_free,
)

DRAWS = 500  # ranks looked at in one query
LARGEST = 10_000  # more than so many of a dataset's samples are never drawn
ROUNDS = 4  # how often to look further where what seemed free turned out to be taken
EVERYWHERE = 0.1  # the models may be sure and wrong, so nothing is left out


def lease_controls(
    session: Session,
    audit_id: str,
    *,
    principal: Principal,
    tiers: Sequence[Tier] | None,
    count: int,
    lease_seconds: float,
) -> list[Held]:
    """Lease open samples in an order that chance decided once for each audit.

    From the whole list, by value, where no tiers are named.
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
    order = random.sample(range(1, (total or 0) + 1), min(total or 0, LARGEST))
    if tiers is None:
        order = _by_value(session, first.id, order, random)
    held: list[Held] = []
    for ranks in _chunks(order):
        drawn = _members(session, first.id, wanted, ranks)
        for _ in range(ROUNDS):
            free = _free(session, audit, ranking.id, drawn, count - len(held), principal)
            taken = hold(
                session, audit, free, principal=principal, lease_seconds=lease_seconds, control=True
            )
            held += taken
            if len(held) == count:
                return held
            if len(taken) == len(free):
                break
    return held


def _chunks(ranks: list[int]) -> Iterator[list[int]]:
    return (ranks[start : start + DRAWS] for start in range(0, len(ranks), DRAWS))


def _by_value(session: Session, ranking_id: str, ranks: list[int], random: Random) -> list[int]:
    p_wrong: dict[int, float] = {}
    for some in _chunks(ranks):
        query = select(Suspect.rank, Suspect.p_wrong).where(
            Suspect.ranking_id == ranking_id, Suspect.rank.in_(some)
        )
        p_wrong |= {row.rank: row.p_wrong for row in session.execute(query)}
    return drawn_by_value({rank: p_wrong[rank] for rank in ranks if rank in p_wrong}, random)


def drawn_by_value(p_wrong: Mapping[int, float], random: Random) -> list[int]:
    """All keys in the order in which they are drawn without replacement, by their `value`."""
    turn = {key: random.expovariate(value(p)) for key, p in p_wrong.items()}
    return sorted(turn, key=turn.__getitem__)


def value(p_wrong: float) -> float:
    """How much a verdict tells of the share of wrong labels: the deviation that it settles (the
    optimal allocation of Neyman, 1934)."""
    return sqrt(p_wrong * (1.0 - p_wrong)) + EVERYWHERE


def _members(
    session: Session, ranking_id: str, tiers: Sequence[Tier], ranks: Sequence[int]
) -> list[str]:
    """Sample ids of the drawn ranks that lie in the tiers, as drawn."""
    rows = session.execute(
        select(Suspect.rank, Suspect.sample_id).where(
            Suspect.ranking_id == ranking_id, Suspect.rank.in_(ranks), Suspect.tier.in_(tiers)
        )
    )
    names = {row.rank: row.sample_id for row in rows}
    return [names[rank] for rank in ranks if rank in names]


def _free(
    session: Session,
    audit: Audit,
    ranking_id: str,
    names: list[str],
    count: int,
    principal: Principal,
) -> Sequence[Suspect]:
    """The first of them, in their order, that are open and seem free for the caller; locked."""
    if not names:
        return []
    place = {name: number for number, name in enumerate(names)}
    return session.scalars(
        select(Suspect)
        .join(
            Sample,
            and_(Sample.dataset_id == audit.dataset_id, Sample.position == Suspect.position),
        )
        .where(
            Suspect.ranking_id == ranking_id,
            Suspect.sample_id.in_(names),
            Suspect.state == ReviewState.open,
            seems_free(),
            ~has_judged(),
        )
        .order_by(case(place, value=Suspect.sample_id))
        .limit(count)
        .with_for_update(of=Sample, skip_locked=True)
        .execution_options(populate_existing=True),
        judged_by(principal.key_id, audit.dataset_id),
    ).all()
