"""/v1/audits: status, summary, the ranked list."""

from typing import Annotated, Any

from fastapi import Query

from labelaudit.schemas import AuditRead, Page
from service import review
from service.api import cursors
from service.api.dependencies import (
    Auditor,
    Reader,
    ReadSession,
    WriteSession,
)
from service.api.problems import documented
from service.api.routing import TransactionRouter
from service.audits import records as audits

router = TransactionRouter(prefix="/v1/audits", tags=["audits"], responses=documented())


@router.get("", response_model=Page[AuditRead], responses=documented(400))
def list_audits(
    session: ReadSession,
    caller: Reader,
    dataset_id: str | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Audits, newest first."""
    before = str(cursors.decode(cursor, str)[0]) if cursor else None
    found = audits.list_audits(session, dataset_id=dataset_id, before=before, limit=limit)
    return {
        "items": [{**audit.to_dict(), **audits.progress_of(session, audit)} for audit in found],
        "next_cursor": cursors.encode(found[-1].id) if len(found) == limit else None,
    }


@router.get("/{audit_id}", response_model=AuditRead)
def read_audit(session: ReadSession, caller: Reader, audit_id: str) -> dict[str, Any]:
    """Status, job, progress and the time left."""
    audit = audits.get_audit(session, audit_id)
    return {**audit.to_dict(), **audits.progress_of(session, audit)}


@router.post("/{audit_id}/cancel", response_model=AuditRead, responses=documented(409))
def cancel_audit(session: WriteSession, caller: Auditor, audit_id: str) -> dict[str, Any]:
    """Stop an audit. Its workers let go within seconds; what it had made is not published."""
    audit = audits.cancel_audit(session, audit_id)
    return {**audit.to_dict(), **audits.progress_of(session, audit)}


@router.get("/{audit_id}/summary", responses=documented(409))
def read_summary(session: ReadSession, caller: Reader, audit_id: str) -> dict[str, Any]:
    """Noise rate with its interval, noise matrix (rows = true class), classes, tiers, and what the
    audit cannot judge. `verdicts` counts those that the figures rest on, and each `basis` says
    whether a figure is `estimated` or `verified`; `review` counts what people have decided so far.
    """
    audit = audits.get_completed_audit(session, audit_id)
    ranking = review.newest_ranking(session, audit_id)
    return {
        "audit_id": audit_id,
        "dataset_id": audit.dataset_id,
        "dataset_version": audit.dataset_version,
        "ranking_id": ranking.id,
        **(ranking.summary or audit.summary or {}),
        "ranking_number": ranking.number,
        "review": review.state_counts(session, ranking.id),
    }
