"""/v1/objectives and /v1/encoders: the choices for an audit."""

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
    """List the training objectives: paper, when to use it, options, origin of the defaults."""
    return [asdict(spec) for spec in OBJECTIVES.values()]


@router.get("/encoders")
def list_encoders(caller: Anyone) -> list[dict[str, Any]]:
    """List the encoders: the kind of data, the licence, and whether a download is needed."""
    return [asdict(spec) for spec in ENCODERS]
