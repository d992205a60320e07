"""/v1/audits/{id}: what the overview shows beside the summary."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from service import audits, overview, review
from service.api.dependencies import Annotator, ReadSession
from service.api.problems import documented
from service.models import Tier
from service.schemas import Pairs

router = APIRouter(prefix="/v1/audits/{audit_id}", tags=["overview"], responses=documented(409))


@router.get("/pairs", response_model=Pairs)
def list_pairs(
    session: ReadSession,
    caller: Annotator,
    audit_id: str,
    tier: Annotated[list[Tier] | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> dict[str, Any]:
    """Pairs of given and predicted class, those with the most open suspects first: each is a queue
    or a grid of its own. Of the obvious and possible tiers unless `tier` names others."""
    audit = audits.get_completed_audit(session, audit_id)
    names = audits.dataset_of(session, audit).class_names
    found = overview.list_pairs(
        session,
        review.newest_ranking(session, audit_id).id,
        tiers=tier or [Tier.obvious, Tier.possible],
        limit=limit,
    )
    return {
        "pairs": [
            {
                "given_label": names[pair.given_label],
                "predicted_label": names[pair.predicted_label],
                "open": pair.open,
                "total": pair.total,
            }
            for pair in found
        ]
    }
