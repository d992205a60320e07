"""Resumable uploads."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from service.schemas.base import Schema, Words
from service.schemas.datasets import ColumnRoles


class UploadRead(Schema):
    id: str
    name: str
    filename: str
    status: Literal["receiving", "complete", "rejected"]
    offset: int = Field(description="Bytes that have arrived for good; go on sending here.")
    length: int | None
    sha256: str | None = Field(description="What the whole file should hash to, if that was said.")
    columns: dict[str, Any] | None = Field(description="The column roles that were asked for.")
    dataset_id: str | None = Field(description="The dataset, once every byte is there.")
    problem: dict[str, Any] | None = Field(description="Why it was rejected; its bytes are gone.")
    expires_at: datetime = Field(description="An upload that is unfinished by then is deleted.")


class UploadList(Schema):
    items: list[UploadRead]


class UploadMetadata(BaseModel):
    """What tus sends in `Upload-Metadata`, decoded; unknown keys are the clients' own."""

    model_config = ConfigDict(extra="ignore")

    filename: Annotated[Words, StringConstraints(min_length=1, max_length=400)] = "upload"
    name: Annotated[Words, StringConstraints(max_length=200)] | None = None
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")] | None = None
    columns: ColumnRoles = ColumnRoles()
