"""Class pairs of a ranking: given label, predicted label and the number of suspects."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from labelaudit.enums import ReviewState, Tier
from service.db.tables import Suspect


@dataclass(frozen=True)
class Pair:
    """Class indices, and the number of open suspects and of all suspects."""

    given_label: int
    predicted_label: int
    open: int
    total: int


def list_pairs(session: Session, ranking_id: str, *, tiers: Sequence[Tier]) -> list[Pair]:
    """Pairs of different classes, most open suspects first."""
    is_open = func.sum(case((Suspect.state == ReviewState.open, 1), else_=0))
    rows = session.execute(
        select(Suspect.given_label, Suspect.predicted_label, is_open, func.count())
        .where(
            Suspect.ranking_id == ranking_id,
            Suspect.tier.in_(tiers),
            Suspect.given_label != Suspect.predicted_label,
        )
        .group_by(Suspect.given_label, Suspect.predicted_label)
        .order_by(is_open.desc(), func.count().desc(), Suspect.given_label, Suspect.predicted_label)
    )
    return [Pair(*row) for row in rows]
