"""Tells endpoints when the last suspect of an audit's queue is decided."""

from collections.abc import Iterable, Sequence

from sqlalchemy import exists, literal_column, select
from sqlalchemy.orm import Session

from labelaudit.enums import ReviewState, Tier, WebhookEvent
from service.db.tables import Dataset, Ranking, Suspect
from service.db.tables.review import BEGUN, CLOSED, FRESH
from service.webhooks.outbox import announce, subscribers

QUEUED_TIERS = (Tier.obvious, Tier.possible)
# One condition for each of the queue's indexes.
LEFT = (FRESH, BEGUN, f"{CLOSED} AND state <> '{ReviewState.decided}'")


def announce_emptied(
    session: Session, dataset: Dataset, rankings: Iterable[str], decided: Sequence[str]
) -> None:
    """Announce the queues of these rankings in which nothing is left, where one of the samples,
    just decided, was. The dataset must be locked, so that of two people who decide the last two
    samples at once the second sees both."""
    event = WebhookEvent.queue_emptied
    if not decided or not subscribers(session, dataset.tenant_id, event):
        return
    for ranking_id in rankings:
        if _was_in_queue(session, ranking_id, decided) and not _has_left(session, ranking_id):
            audit_id = session.get_one(Ranking, ranking_id).audit_id
            announce(
                session,
                event,
                {"audit_id": audit_id, "dataset_id": dataset.id, "status": "emptied"},
                tenant_id=dataset.tenant_id,
                dataset_id=dataset.id,
            )


def _was_in_queue(session: Session, ranking_id: str, sample_ids: Sequence[str]) -> bool:
    found = exists().where(
        Suspect.ranking_id == ranking_id,
        Suspect.sample_id.in_(sample_ids),
        Suspect.tier.in_(QUEUED_TIERS),
    )
    return bool(session.scalar(select(found)))


def _has_left(session: Session, ranking_id: str) -> bool:
    return any(
        session.scalar(
            select(
                exists().where(
                    Suspect.ranking_id == ranking_id,
                    Suspect.tier.in_(QUEUED_TIERS),
                    literal_column(f"({left})"),
                )
            )
        )
        for left in LEFT
    )
