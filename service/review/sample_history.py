"""The full history of one sample, and its comments."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.audits.records import get_audit
from service.core.principal import Principal
from service.datasets.records import get_sample
from service.db.tables import (
    Audit,
    Comment,
    Correction,
    Ranking,
    Sample,
    Suspect,
    new_id,
)
from service.review import SampleOutcome, newest_rankings, outcome


@dataclass(frozen=True)
class SampleHistory:
    """What the caller may see of a sample's history."""

    sample: Sample
    outcome: SampleOutcome
    wanted: int
    ranks: Sequence[tuple[Audit, Suspect]]
    corrections: Sequence[Correction]
    comments: Sequence[Comment]
    hidden: bool  # whether corrections or comments are left out


def read_history(
    session: Session, audit_id: str, sample_id: str, *, principal: Principal
) -> SampleHistory:
    """The sample's rank in every audit of the dataset, its corrections, reverts and comments."""
    audit = get_audit(session, audit_id)
    sample = get_sample(session, audit.dataset_id, sample_id)
    rows = session.scalars(
        select(Correction)
        .where(
            Correction.dataset_id == audit.dataset_id,
            Correction.position == sample.position,
        )
        .order_by(Correction.seq)
    ).all()
    comments = session.scalars(
        select(Comment)
        .where(Comment.dataset_id == audit.dataset_id, Comment.position == sample.position)
        .order_by(Comment.id)
    ).all()
    now = outcome(rows)
    blind = now.partially_reviewed and not principal.leads
    visible_rows = [row for row in rows if not blind or row.key_id == principal.key_id]
    visible_comments = [
        comment for comment in comments if not blind or comment.key_id == principal.key_id
    ]
    ranks = session.execute(
        select(Audit, Suspect)
        .join(Ranking, Ranking.audit_id == Audit.id)
        .join(Suspect, Suspect.ranking_id == Ranking.id)
        .where(
            Ranking.id.in_(newest_rankings(session, audit.dataset_id)),
            Suspect.sample_id == sample_id,
        )
        .order_by(Audit.id.desc())
    ).all()
    return SampleHistory(
        sample=sample,
        outcome=now,
        wanted=now.wanted or audit.opinions,
        ranks=[(row[0], row[1]) for row in ranks],
        corrections=visible_rows,
        comments=visible_comments,
        hidden=len(visible_rows) < len(rows) or len(visible_comments) < len(comments),
    )


def add_comment(
    session: Session, audit_id: str, sample_id: str, text: str, *, principal: Principal
) -> Comment:
    audit = get_audit(session, audit_id)
    sample = get_sample(session, audit.dataset_id, sample_id)
    comment = Comment(
        id=new_id("cm"),
        dataset_id=audit.dataset_id,
        audit_id=audit_id,
        position=sample.position,
        sample_id=sample_id,
        text=text,
        author=principal.name,
        key_id=principal.key_id,
    )
    session.add(comment)
    session.flush()
    return comment
