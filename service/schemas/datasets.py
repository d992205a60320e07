"""Datasets and samples."""

from datetime import datetime
from typing import Any

from pydantic import Field

from service.models import (
    DatasetStatus,
    Kind,
    Verdict,
)
from service.schemas.base import Schema


class DatasetRead(Schema):
    id: str
    name: str
    filename: str
    status: DatasetStatus
    kind: Kind | None
    format: str | None = Field(description="The form it came in, e.g. imagefolder, csv, npz.")
    bytes: int
    sha256: str
    version: int = Field(description="Version n = the upload with its first n corrections applied.")
    sample_count: int
    labeled_count: int = Field(description="Samples without a label are kept, not analysed.")
    class_names: list[str]
    columns: dict[str, Any] | None = Field(description="How the columns were understood.")
    warnings: list[str]
    problem: dict[str, Any] | None = Field(description="Why a rejected dataset was rejected.")
    created_by: str
    created_at: datetime


class SampleRead(Schema):
    sample_id: str
    position: int
    given_label: str | None = Field(description="As uploaded; never overwritten.")
    corrected_label: str | None = Field(description="What a person decided, if anyone did.")
    verdict: Verdict | None
    content: dict[str, Any] = Field(description="`text`, `row`, `file` or `dimensions`.")
    media_url: str | None
