"""The full history of one sample, and its comments."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from service.core.errors import NotReady
from service.core.principal import Principal
from service.datasets.records import get_ready_dataset, get_sample
from service.db.statements import cached_statement
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

_COMMENTS = cached_statement(
    select(Comment)
    .where(Comment.dataset_id == bindparam("dataset"), Comment.position == bindparam("position"))
    .order_by(Comment.id)
)


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
    session: Session, dataset_id: str, sample_id: str, *, principal: Principal
) -> SampleHistory:
    """The sample's rank in every audit of the dataset, its corrections, reverts and comments."""
    sample = _get_sample(session, dataset_id, sample_id)
    rows = session.scalars(
        select(Correction)
        .where(
            Correction.dataset_id == dataset_id,
            Correction.position == sample.position,
        )
        .order_by(Correction.seq)
    ).all()
    comments = comments_at(session, dataset_id, sample.position)
    now = outcome(rows)
    blind = now.partially_reviewed
    visible_rows = [row for row in rows if not blind or row.key_id == principal.key_id]
    visible_comments = [
        comment for comment in comments if not blind or comment.key_id == principal.key_id
    ]
    ranks = session.execute(
        select(Audit, Suspect)
        .join(Ranking, Ranking.audit_id == Audit.id)
        .join(Suspect, Suspect.ranking_id == Ranking.id)
        .where(
            Ranking.id.in_(newest_rankings(session, dataset_id)),
            Suspect.sample_id == sample_id,
        )
        .order_by(Audit.id.desc())
    ).all()
    audit = _newest_audit(session, dataset_id)
    return SampleHistory(
        sample=sample,
        outcome=now,
        wanted=now.wanted or (audit.opinions if audit else 1),
        ranks=[(row[0], row[1]) for row in ranks],
        corrections=visible_rows,
        comments=visible_comments,
        hidden=len(visible_rows) < len(rows) or len(visible_comments) < len(comments),
    )


def comments_at(session: Session, dataset_id: str, position: int) -> Sequence[Comment]:
    """All comments on a sample, oldest first."""
    return session.scalars(_COMMENTS, {"dataset": dataset_id, "position": position}).all()


def add_comment(
    session: Session, dataset_id: str, sample_id: str, text: str, *, principal: Principal
) -> Comment:
    """Raises NotReady if the dataset was never audited."""
    sample = _get_sample(session, dataset_id, sample_id)
    audit = _newest_audit(session, dataset_id)
    if audit is None:
        raise NotReady("Start an audit of the dataset before you comment on its samples.")
    comment = Comment(
        id=new_id("cm"),
        dataset_id=dataset_id,
        audit_id=audit.id,
        position=sample.position,
        sample_id=sample_id,
        text=text,
        author=principal.name,
        key_id=principal.key_id,
    )
    session.add(comment)
    session.flush()
    return comment


def _get_sample(session: Session, dataset_id: str, sample_id: str) -> Sample:
    return get_sample(session, get_ready_dataset(session, dataset_id).id, sample_id)


def _newest_audit(session: Session, dataset_id: str) -> Audit | None:
    return session.scalars(
        select(Audit).where(Audit.dataset_id == dataset_id).order_by(Audit.id.desc()).limit(1)
    ).first()
