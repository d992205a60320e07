"""Exports."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from labelaudit.enums import JobStatus
from labelaudit.schemas.base import Request, Schema

ExportFormat = Literal["original", "csv", "parquet", "patch"]


class ExportCreate(Request):
    format: ExportFormat = "original"
    dataset_version: int | None = Field(default=None, ge=0)


class ExportRead(Schema):
    id: str
    dataset_id: str
    dataset_version: int
    format: str
    status: JobStatus
    filename: str | None
    bytes: int | None
    sha256: str | None
    problem: dict[str, Any] | None
    created_at: datetime
    finished_at: datetime | None
    download_url: str | None
