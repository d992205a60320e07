"""A person's own decisions in an audit, newest first: what they can look at again and change."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelaudit.enums import Standing
from service.core.principal import Principal
from service.db.tables import Audit, Correction
from service.review.log import rows_at
from service.review.outcome import rows_in_force


@dataclass(frozen=True)
class OwnDecision:
    correction: Correction
    standing: Standing


def list_own_decisions(
    session: Session, audit: Audit, *, principal: Principal, before: int | None, limit: int
) -> list[OwnDecision]:
    """The decisions before the sequence number `before`, newest first. Nobody else's decisions are
    read for their verdicts: they only tell whether these were undone."""
    query = select(Correction).where(
        Correction.audit_id == audit.id,
        Correction.key_id == principal.key_id,
        Correction.verdict.is_not(None),
        Correction.certificate_id.is_(None),  # nobody looked at these samples
    )
    if before is not None:
        query = query.where(Correction.seq < before)
    found = session.scalars(query.order_by(Correction.seq.desc()).limit(limit)).all()
    rows = rows_at(session, audit.dataset_id, sorted({row.position for row in found}))
    return [OwnDecision(row, _standing(row, rows[row.position])) for row in found]


def _standing(row: Correction, of_sample: Sequence[Correction]) -> Standing:
    own = [
        other
        for other in rows_in_force(of_sample)
        if other.key_id == row.key_id and other.verdict is not None
    ]
    if row not in own:
        return Standing.undone
    return Standing.current if row is own[-1] else Standing.replaced
