"""The whole story of one sample, and what people say about it."""

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
class Story:
    """What is known of a sample, as far as the caller may know it."""

    sample: Sample
    now: SampleOutcome
    wanted: int
    ranks: Sequence[tuple[Audit, Suspect]]
    corrections: Sequence[Correction]
    comments: Sequence[Comment]
    hidden: bool


def story_of(session: Session, audit_id: str, sample_id: str, *, principal: Principal) -> Story:
    """Given label, ranks in every audit of the dataset, decisions, undone ones, comments."""
    audit = get_audit(session, audit_id)
    sample = get_sample(session, audit.dataset_id, sample_id)
    here = (audit.dataset_id, sample.position)
    rows = session.scalars(
        select(Correction)
        .where(Correction.dataset_id == here[0], Correction.position == here[1])
        .order_by(Correction.seq)
    ).all()
    comments = session.scalars(
        select(Comment)
        .where(Comment.dataset_id == here[0], Comment.position == here[1])
        .order_by(Comment.id)
    ).all()
    now = outcome(rows)
    blind = now.waiting and not principal.leads
    own = [row for row in rows if not blind or row.key_id == principal.key_id]
    said = [comment for comment in comments if not blind or comment.key_id == principal.key_id]
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
    return Story(
        sample=sample,
        now=now,
        wanted=now.wanted or audit.opinions,
        ranks=[(row[0], row[1]) for row in ranks],
        corrections=own,
        comments=said,
        hidden=len(own) < len(rows) or len(said) < len(comments),
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
