"""Samples that show what a class looks like."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelaudit.enums import ReviewState, Tier
from service.audits.suspects import newest_ranking
from service.db.tables import Suspect


def typical_samples(
    session: Session, audit_id: str, label: int, *, limit: int
) -> Sequence[Suspect]:
    """Samples of the class that the models agree with, the surest first.

    None has an issue, and none has been judged: whether somebody else judged it, and how, would
    show in the list otherwise. The index of class pairs gives them in order.
    """
    query = select(Suspect).where(
        Suspect.ranking_id == newest_ranking(session, audit_id).id,
        Suspect.given_label == label,
        Suspect.predicted_label == label,
        Suspect.tier == Tier.none,
        Suspect.issues == 0,
        Suspect.state == ReviewState.open,
        Suspect.opinions == 0,
    )
    return session.scalars(query.order_by(Suspect.rank.desc()).limit(limit)).all()
