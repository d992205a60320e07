"""Resumable uploads."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from labelaudit.enums import JobStatus
from labelaudit.schemas.base import Page, Request, Schema, Words
from labelaudit.schemas.datasets import ColumnRoles


class UploadRead(Schema):
    id: str
    name: str
    filename: str
    status: JobStatus = Field(
        description="`running` while its bytes arrive, `completed` once it is a dataset, `failed` "
        "if it was rejected."
    )
    offset: int = Field(description="Bytes received; continue here.")
    length: int | None
    sha256: str | None = Field(description="The expected SHA-256 of the file, if given.")
    columns: dict[str, Any] | None = Field(description="The requested column roles.")
    part_bytes: int | None = Field(
        description="The size of each part but the last of a multipart upload; otherwise null. "
        "Its `offset` is 0 until it is complete: `GET …/parts` says which parts have arrived."
    )
    part_count: int | None = Field(description="Of a multipart upload.")
    dataset_id: str | None = Field(description="The dataset, once every byte is there.")
    problem: dict[str, Any] | None = Field(description="Why it was rejected; its bytes are gone.")
    expires_at: datetime = Field(description="An upload that is unfinished by then is deleted.")


class UploadPage(Page[UploadRead]):
    multipart: bool = Field(description="Whether files can go to a bucket in parts.")


FileName = Annotated[Words, StringConstraints(min_length=1, max_length=400)]
DatasetName = Annotated[Words, StringConstraints(max_length=200)]
Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


ColumnName = Annotated[str, StringConstraints(max_length=200)]


class UploadOptions(BaseModel):
    """What an upload in one request says of its file: the parameters of the query, or the fields of
    the form."""

    name: DatasetName | None = Field(default=None, description="Shown to people.")
    filename: FileName = "upload"
    label_column: ColumnName | None = None
    sample_id_column: ColumnName | None = None
    text_column: ColumnName | None = None
    file_column: ColumnName | None = None
    feature_column: list[ColumnName] | None = None
    sha256: Sha256 | None = Field(default=None, description="The file's SHA-256, to be checked.")

    @property
    def roles(self) -> dict[str, Any]:
        """The columns that were named, by their role."""
        named = {
            "label": self.label_column,
            "sample_id": self.sample_id_column,
            "text": self.text_column,
            "file": self.file_column,
            "features": self.feature_column,
        }
        return {role: column for role, column in named.items() if column}


class UploadMetadata(BaseModel):
    """What tus sends in `Upload-Metadata`, decoded; unknown keys are the clients' own."""

    model_config = ConfigDict(extra="ignore")

    filename: FileName = "upload"
    name: DatasetName | None = None
    sha256: Sha256 | None = None
    columns: ColumnRoles = ColumnRoles()


class UploadCreate(Request):
    """A file to upload, and how its bytes will come."""

    transfer: Literal["resumable", "multipart"] = Field(
        default="resumable",
        description="`resumable`: PATCH the bytes to the upload, as tus does. `multipart`: PUT the "
        "parts straight to the bucket.",
    )
    length: int = Field(ge=1, lt=2**63, description="Its bytes.")
    filename: FileName = "upload"
    name: DatasetName | None = Field(default=None, description="Shown to people.")
    sha256: Sha256 | None = Field(default=None, description="The file's SHA-256; checked.")
    columns: ColumnRoles = ColumnRoles()


class PartRead(Schema):
    number: int
    bytes: int = Field(description="Its size. The address takes exactly so many.")
    arrived: bool = Field(description="The bucket has it whole: it need not be sent.")
    url: str = Field(description="PUT its bytes there, with no key of this service.")
    expires_at: datetime = Field(description="The address is good until then; ask for another.")


class PartPage(Page[PartRead]):
    pass


class UploadCreated(UploadRead):
    parts: list[PartRead] | None = Field(
        default=None,
        description="Of a multipart upload, the first ones; `GET …/parts` has the others.",
    )
