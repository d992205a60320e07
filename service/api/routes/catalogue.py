"""/v1/objectives and /v1/encoders: what an audit can be asked to use."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from service.api.dependencies import Anyone
from service.api.problems import documented
from service.options.encoders import ENCODERS
from service.options.objectives import OBJECTIVES

router = APIRouter(prefix="/v1", tags=["catalogue"], responses=documented())


@router.get("/objectives")
def list_objectives(caller: Anyone) -> list[dict[str, Any]]:
    """Every training objective: paper, when to use it, options, and whose defaults they are."""
    return [asdict(spec) for spec in OBJECTIVES.values()]


@router.get("/encoders")
def list_encoders(caller: Anyone) -> list[dict[str, Any]]:
    """Every encoder: the kind of data it reads, its licence, and whether it needs a download."""
    return [asdict(spec) for spec in ENCODERS]
