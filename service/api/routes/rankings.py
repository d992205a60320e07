"""/v1/audits/{id}/rankings: the same samples ranked with the reviewers' verdicts."""

from typing import Any

from fastapi import Response

from labelaudit.schemas import Page, RankingRead
from service.api.dependencies import (
    Annotator,
    Reader,
    ReadSession,
    WriteSession,
)
from service.api.document import documented
from service.api.pages import Cursor, Limit, slice_of
from service.api.responses import accepted
from service.api.routing import TransactionRouter
from service.review import reranking

router = TransactionRouter(
    prefix="/v1/audits/{audit_id}/rankings", tags=["review"], responses=documented()
)


@router.post("", status_code=202, response_model=RankingRead, responses=documented(409))
def create_ranking(
    session: WriteSession, caller: Annotator, audit_id: str, response: Response
) -> Any:
    """Request a new ranking from the verdicts so far.

    The order of the samples stays the same. `p_wrong`, the tiers, their expected precision and the
    noise rate are updated. Leases and review states move to the new ranking. Pages of the old one
    remain readable. Answers 409 if nobody has reviewed a sample yet.
    """
    job = reranking.request_ranking(session, audit_id)
    accepted(response, f"/v1/audits/{audit_id}/rankings/{job.number}")
    return job


@router.get("", response_model=Page[RankingRead])
def list_rankings(
    session: ReadSession, caller: Reader, audit_id: str, cursor: Cursor = None, limit: Limit = 100
) -> Any:
    """List the rankings of the audit, newest first, including unfinished ones."""
    return slice_of(reranking.list_rankings(session, audit_id), cursor, limit)


@router.get("/{number}", response_model=RankingRead)
def read_ranking(session: ReadSession, caller: Reader, audit_id: str, number: str) -> Any:
    """One ranking and its status."""
    return reranking.get_ranking_job(session, audit_id, reranking.parse_number(number))
