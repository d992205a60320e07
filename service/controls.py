"""Controls: samples drawn at random within a tier and shown without what the machine thinks.

What the queue serves is the worst of a tier and says nothing of the rest; controls do. They are
drawn from the tiers of the audit's first ranking, so that however often it is ranked again every
sample of a tier had the same chance.
"""

from collections.abc import Iterator, Sequence
from random import Random

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session

from service.audits import get_completed_audit
from service.database import clock
from service.keys import Principal
from service.models import Ranking, ReviewState, Suspect, Tier, new_id
from service.review import held_ranking, set_lease_end

DRAWS = 200  # ranks looked at in one query
LARGEST = 10_000  # more than so many of a dataset's samples are never drawn


def lease_controls(
    session: Session,
    audit_id: str,
    *,
    principal: Principal,
    tiers: Sequence[Tier],
    count: int,
    lease_seconds: float,
) -> list[Suspect]:
    """Lease open samples of those tiers in an order that chance decided once for each audit."""
    get_completed_audit(session, audit_id)
    ranking = held_ranking(session, audit_id)
    first = session.scalars(
        select(Ranking).where(Ranking.audit_id == audit_id).order_by(Ranking.number).limit(1)
    ).one()
    total = session.scalar(
        select(func.max(Suspect.rank)).where(
            Suspect.ranking_id == first.id, Suspect.tier.in_(tiers)
        )
    )
    found: list[Suspect] = []
    for ranks in _random_ranks(total or 0, Random(audit_id)):
        drawn = _members(session, first.id, tiers, ranks)
        found += _free(session, ranking.id, drawn, count - len(found))
        if len(found) == count:
            break
    for suspect in found:
        suspect.lease_id = new_id("le")
        suspect.lease_holder = principal.key_id
        suspect.control = True
    session.flush()
    set_lease_end(session, ranking.id, [suspect.rank for suspect in found], lease_seconds)
    for suspect in found:
        session.refresh(suspect)
    return found


def _random_ranks(total: int, random: Random) -> Iterator[list[int]]:
    """Distinct ranks from 1 to `total` in random order, a chunk at a time."""
    ranks = random.sample(range(1, total + 1), min(total, LARGEST))
    for start in range(0, len(ranks), DRAWS):
        yield ranks[start : start + DRAWS]


def _members(
    session: Session, ranking_id: str, tiers: Sequence[Tier], ranks: list[int]
) -> list[str]:
    """Sample ids of the drawn ranks that lie in the tiers, as drawn."""
    rows = session.execute(
        select(Suspect.rank, Suspect.sample_id).where(
            Suspect.ranking_id == ranking_id, Suspect.rank.in_(ranks), Suspect.tier.in_(tiers)
        )
    )
    names = {row.rank: row.sample_id for row in rows}
    return [names[rank] for rank in ranks if rank in names]


def _free(session: Session, ranking_id: str, names: list[str], count: int) -> Sequence[Suspect]:
    """The first of them, in their order, that are open and that nobody holds; locked."""
    if not names:
        return []
    place = {name: number for number, name in enumerate(names)}
    return session.scalars(
        select(Suspect)
        .where(
            Suspect.ranking_id == ranking_id,
            Suspect.sample_id.in_(names),
            Suspect.state == ReviewState.open,
            or_(Suspect.lease_until.is_(None), Suspect.lease_until < clock()),
        )
        .order_by(case(place, value=Suspect.sample_id))
        .limit(count)
        .with_for_update(skip_locked=True)
    ).all()
