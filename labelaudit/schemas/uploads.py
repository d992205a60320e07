"""Resumable uploads."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from labelaudit.schemas.base import Request, Schema, Words
from labelaudit.schemas.datasets import ColumnRoles


class UploadRead(Schema):
    id: str
    name: str
    filename: str
    status: Literal["receiving", "complete", "rejected"]
    offset: int = Field(description="Bytes that have arrived for good; go on sending here.")
    length: int | None
    sha256: str | None = Field(description="What the whole file should hash to, if that was said.")
    columns: dict[str, Any] | None = Field(description="The column roles that were asked for.")
    part_bytes: int | None = Field(
        description="The size of each part but the last of a multipart upload; otherwise null. "
        "Its `offset` is 0 until it is complete: `GET …/parts` says which parts have arrived."
    )
    part_count: int | None = Field(description="Of a multipart upload.")
    dataset_id: str | None = Field(description="The dataset, once every byte is there.")
    problem: dict[str, Any] | None = Field(description="Why it was rejected; its bytes are gone.")
    expires_at: datetime = Field(description="An upload that is unfinished by then is deleted.")


class UploadList(Schema):
    items: list[UploadRead]
    multipart: bool = Field(
        description="Whether files can go to a bucket: `POST /v1/multipart-uploads`."
    )


FileName = Annotated[Words, StringConstraints(min_length=1, max_length=400)]
DatasetName = Annotated[Words, StringConstraints(max_length=200)]
Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class UploadMetadata(BaseModel):
    """What tus sends in `Upload-Metadata`, decoded; unknown keys are the clients' own."""

    model_config = ConfigDict(extra="ignore")

    filename: FileName = "upload"
    name: DatasetName | None = None
    sha256: Sha256 | None = None
    columns: ColumnRoles = ColumnRoles()


class MultipartUploadCreate(Request):
    """A file that is to go straight to the bucket."""

    length: int = Field(ge=1, lt=2**63, description="Its bytes.")
    filename: FileName = "upload"
    name: DatasetName | None = Field(default=None, description="Shown to people.")
    sha256: Sha256 | None = Field(default=None, description="What it hashes to; checked.")
    columns: ColumnRoles = ColumnRoles()


class PartRead(Schema):
    number: int
    bytes: int = Field(description="Its size. The address takes exactly so many.")
    arrived: bool = Field(description="The bucket has it whole: it need not be sent.")
    url: str = Field(description="PUT its bytes there, with no key of this service.")
    expires_at: datetime = Field(description="The address is good until then; ask for another.")


class PartList(Schema):
    items: list[PartRead]


class MultipartUploadRead(UploadRead):
    parts: list[PartRead] = Field(description="The first ones; `GET …/parts` has the others.")
