"""The ranked list: which ranking, which suspects, how many in which state."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, literal_column, select
from sqlalchemy.orm import Session

from service.errors import BadCursor, NotFound, NotReady
from service.issues import FLAGS
from service.models import (
    Issue,
    Ranking,
    ReviewState,
    Suspect,
    Tier,
)
from service.models.review import FLAGGED


@dataclass(frozen=True)
class SuspectFilter:
    """Which suspects; None means any. `part` (i, n) is the i-th of n equal shares of them."""

    tier: Sequence[Tier] | None = None
    given_label: int | None = None
    predicted_label: int | None = None
    state: ReviewState | None = None
    issue: Issue | None = None
    part: tuple[int, int] | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.tier is not None:
            found.append(Suspect.tier.in_(self.tier))
        if self.given_label is not None:
            found.append(Suspect.given_label == self.given_label)
        if self.predicted_label is not None:
            found.append(Suspect.predicted_label == self.predicted_label)
        if self.state is not None:
            found.append(Suspect.state == self.state)
        if self.issue is not None:
            found.append(literal_column(f"({FLAGGED})"))  # few, and they have an index
            found.append(Suspect.issues.bitwise_and(FLAGS[self.issue]) != 0)
        if self.part is not None:
            share, shares = self.part
            found.append(Suspect.position % shares == share)
        return found

    def apply(self, query: Select[Any]) -> Select[Any]:
        return query.where(*self.conditions())


def newest_ranking(session: Session, audit_id: str) -> Ranking:
    ranking = session.scalars(
        select(Ranking)
        .where(Ranking.audit_id == audit_id)
        .order_by(Ranking.number.desc(), Ranking.id.desc())
        .limit(1)
    ).first()
    if ranking is None:
        raise NotReady("The audit has no ranking yet; wait until its status is `completed`.")
    return ranking


def get_ranking(session: Session, audit_id: str, ranking_id: str) -> Ranking:
    """The ranking that a cursor names, if it is this audit's."""
    ranking = session.get(Ranking, ranking_id)
    if ranking is None or ranking.audit_id != audit_id:
        raise BadCursor("This cursor belongs to another audit.")
    if session.get(Suspect, (ranking_id, 1)) is None:
        raise BadCursor("Newer rankings have taken the place of this one. Start without a cursor.")
    return ranking


def list_suspects(
    session: Session, ranking_id: str, *, wanted: SuspectFilter, after: int, limit: int
) -> Sequence[Row[Any]]:
    """Worst first, those ranked behind `after`: rows with a suspect's columns, no entities."""
    ranked = select(*Suspect.__table__.columns)
    query = ranked.where(Suspect.ranking_id == ranking_id, Suspect.rank > after)
    return session.execute(wanted.apply(query).order_by(Suspect.rank).limit(limit)).all()


def get_suspect(session: Session, audit_id: str, sample_id: str) -> Suspect:
    ranking = newest_ranking(session, audit_id)
    suspect = session.scalars(
        select(Suspect).where(Suspect.ranking_id == ranking.id, Suspect.sample_id == sample_id)
    ).first()
    if suspect is None:
        raise NotFound(f"The audit ranked no sample {sample_id!r}.")
    return suspect


def state_counts(session: Session, ranking_id: str) -> dict[Tier, dict[ReviewState, int]]:
    """How many suspects of each tier are open, skipped and decided."""
    counts = {tier: dict.fromkeys(ReviewState, 0) for tier in Tier}
    rows = session.execute(
        select(Suspect.tier, Suspect.state, func.count())
        .where(Suspect.ranking_id == ranking_id)
        .group_by(Suspect.tier, Suspect.state)
    )
    for tier, state, count in rows:
        counts[tier][state] = count
    return counts


def duplicates_of(session: Session, suspect: Suspect, *, limit: int) -> Sequence[Suspect]:
    """The other samples of its set of near duplicates, worst first."""
    if suspect.duplicate_set is None:
        return []
    query = select(Suspect).where(
        Suspect.ranking_id == suspect.ranking_id,
        Suspect.duplicate_set == suspect.duplicate_set,
        Suspect.rank != suspect.rank,
    )
    return session.scalars(query.order_by(Suspect.rank).limit(limit)).all()
