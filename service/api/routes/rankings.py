"""/v1/audits/{id}/rankings: the same samples ranked with what reviewers have found."""

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
    """Ask for a new ranking from the verdicts so far.

    The order of the samples stays. `p_wrong`, the tiers, their expected precision and the noise
    rate follow what reviewers found; leases and review states move to the new ranking, and pages of
    the old one can still be walked. 409 where nobody has decided anything yet.
    """
    job = reranking.request_ranking(session, audit_id)
    response.headers["Location"] = f"/v1/audits/{audit_id}/rankings/{job.number}"
    return job


@router.get("", response_model=list[RankingRead])
def list_rankings(session: ReadSession, caller: Reader, audit_id: str) -> Any:
    """Every ranking of the audit, newest first, those still being made included."""
    return reranking.list_rankings(session, audit_id)


@router.get("/{number}", response_model=RankingRead)
def read_ranking(session: ReadSession, caller: Reader, audit_id: str, number: str) -> Any:
    """One ranking and whether it is made."""
    return reranking.get_ranking_job(session, audit_id, reranking.as_number(number))
