"""/v1/audits: status, summary, the ranked list."""

from typing import Any

from fastapi import BackgroundTasks

from labelaudit.schemas import AuditRead, Page, SummaryRead
from service import review
from service.api import presenters, summaries
from service.api.dependencies import (
    Auditor,
    Reader,
    ReadSession,
    ResourcesDep,
    WriteSession,
)
from service.api.document import documented
from service.api.pages import AnyListing
from service.api.routing import TransactionRouter
from service.audits import deletion
from service.audits import records as audits
from service.datasets.deletion import delete_files

router = TransactionRouter(prefix="/v1/audits", tags=["audits"], responses=documented())


@router.get("", response_model=Page[AuditRead])
def list_audits(
    session: ReadSession,
    caller: Reader,
    listing: AnyListing,
    dataset_id: str | None = None,
) -> Any:
    """List audits, newest first."""
    found = audits.list_audits(
        session, listing.wanted, listing.order, listing.fetched, dataset_id=dataset_id
    )
    return listing.page(found, lambda audit: presenters.audit(session, audit))


@router.get("/{audit_id}", response_model=AuditRead)
def read_audit(session: ReadSession, caller: Reader, audit_id: str) -> dict[str, Any]:
    """Status, job, progress and the time left."""
    return presenters.audit(session, audits.get_audit(session, audit_id))


@router.post("/{audit_id}/cancel", response_model=AuditRead, responses=documented(409))
def cancel_audit(session: WriteSession, caller: Auditor, audit_id: str) -> dict[str, Any]:
    """Stop an audit. Its workers stop within seconds, and its results are not published."""
    return presenters.audit(session, audits.cancel_audit(session, audit_id))


@router.delete("/{audit_id}", status_code=204)
def delete_audit(
    session: WriteSession,
    background: BackgroundTasks,
    resources: ResourcesDep,
    caller: Auditor,
    audit_id: str,
) -> None:
    """Delete an audit with its rankings and its classifier. It is cancelled first if it still runs.
    An audit with corrections is refused with 409, because the dataset's log refers to it."""
    deleted = deletion.delete_audit(session, audit_id)
    # runs after the commit
    background.add_task(delete_files, resources.database, resources.storage, deleted)


@router.get("/{audit_id}/summary", response_model=SummaryRead, responses=documented(409))
def read_summary(session: ReadSession, caller: Reader, audit_id: str) -> dict[str, Any]:
    """Noise rate with its interval, noise matrix (rows = true class), classes, tiers, and what the
    audit cannot judge. `verdicts` counts the verdicts behind the figures. Each `basis` says whether
    a figure is `estimated` or `verified`. `review` counts the decisions so far.
    """
    audit = audits.get_completed_audit(session, audit_id)
    ranking = review.newest_ranking(session, audit_id)
    return summaries.summary(audit, ranking, review.state_counts(session, ranking.id))
