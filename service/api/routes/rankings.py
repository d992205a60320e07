"""/v1/audits/{id}/rankings: the same samples ranked with the reviewers' verdicts."""

from typing import Any

from fastapi import Response

from labelaudit.schemas import RankingRead
from service.api.dependencies import (
    Annotator,
    Reader,
    ReadSession,
    WriteSession,
)
from service.api.problems import documented
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
    noise rate are updated; leases and review states move to the new ranking, and pages of the old
    one remain readable. Answers 409 if nobody has reviewed a sample yet.
    """
    job = reranking.request_ranking(session, audit_id)
    response.headers["Location"] = f"/v1/audits/{audit_id}/rankings/{job.number}"
    return job


@router.get("", response_model=list[RankingRead])
def list_rankings(session: ReadSession, caller: Reader, audit_id: str) -> Any:
    """List the rankings of the audit, newest first, including unfinished ones."""
    return reranking.list_rankings(session, audit_id)


@router.get("/{number}", response_model=RankingRead)
def read_ranking(session: ReadSession, caller: Reader, audit_id: str, number: str) -> Any:
    """One ranking and its status."""
    return reranking.get_ranking_job(session, audit_id, reranking.parse_number(number))
