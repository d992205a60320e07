"""/v1/objectives and /v1/encoders: the choices for an audit."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from labelaudit.schemas import EncoderRead, ObjectiveRead, Page
from service.api.dependencies import Anyone
from service.api.document import documented
from service.api.pages import Cursor, Limit, slice_of
from service.options.encoders import ENCODERS
from service.options.objectives import OBJECTIVES

router = APIRouter(prefix="/v1", tags=["catalogue"], responses=documented())


@router.get("/objectives", response_model=Page[ObjectiveRead])
def list_objectives(caller: Anyone, cursor: Cursor = None, limit: Limit = 100) -> dict[str, Any]:
    """List the training objectives: paper, when to use it, options, origin of the defaults."""
    return slice_of([asdict(spec) for spec in OBJECTIVES.values()], cursor, limit)


@router.get("/encoders", response_model=Page[EncoderRead])
def list_encoders(caller: Anyone, cursor: Cursor = None, limit: Limit = 100) -> dict[str, Any]:
    """List the encoders: the kind of data, the licence, and whether a download is needed."""
    return slice_of([asdict(spec) for spec in ENCODERS], cursor, limit)
