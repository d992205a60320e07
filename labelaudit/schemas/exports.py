"""Exports."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from labelaudit.enums import JobStatus
from labelaudit.schemas.base import Person, Request, Schema

ExportFormat = Literal["original", "csv", "parquet", "patch", "label-studio"]


class ExportCreate(Request):
    format: ExportFormat = "original"
    dataset_version: int | None = Field(default=None, ge=0)


class ExportCounts(Schema):
    """How many labels reviewers changed and kept, and how many samples they excluded."""

    changed: int
    kept: int
    excluded: int


class ExportRead(Schema):
    id: str
    dataset_id: str
    dataset_version: int
    format: str
    status: JobStatus
    filename: str | None
    bytes: int | None
    sha256: str | None
    counts: ExportCounts | None = Field(
        description="Null until the export is completed, and for exports of earlier releases."
    )
    problem: dict[str, Any] | None
    created_by: Person
    created_at: datetime
    finished_at: datetime | None
    download_url: str | None
