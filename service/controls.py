"""Controls: samples drawn at random within a tier and shown without what the machine thinks.

What the queue serves is the worst of a tier and says nothing of the rest; controls do. They are
drawn from the tiers of the audit's first ranking, so that however often it is ranked again every
sample of a tier had the same chance.
"""

from collections.abc import Iterator, Sequence
from random import Random

from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import Session

from service.audits import get_completed_audit
from service.models import Audit, Ranking, ReviewState, Sample, Suspect, Tier
from service.principal import Principal
from service.review import Held, has_judged, hold, newest_ranking, seems_free

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
) -> list[Held]:
    """Lease open samples of those tiers in an order that chance decided once for each audit."""
    audit = get_completed_audit(session, audit_id)
    ranking = newest_ranking(session, audit_id)
    first = session.scalars(
        select(Ranking).where(Ranking.audit_id == audit_id).order_by(Ranking.number).limit(1)
    ).one()
    total = session.scalar(
        select(func.max(Suspect.rank)).where(
            Suspect.ranking_id == first.id, Suspect.tier.in_(tiers)
        )
    )
    held: list[Held] = []
    for ranks in _random_ranks(total or 0, Random(audit_id)):
        drawn = _members(session, first.id, tiers, ranks)
        free = _free(session, audit, ranking.id, drawn, count - len(held), principal)
        held += hold(
            session, audit, free, principal=principal, lease_seconds=lease_seconds, control=True
        )
        if len(held) == count:
            break
    return held


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
            seems_free(audit.dataset_id, principal),
            ~has_judged(audit.dataset_id, principal.key_id),
        )
        .order_by(case(place, value=Suspect.sample_id))
        .limit(count)
        .with_for_update(of=Sample, skip_locked=True)
    ).all()
