"""Uploads, their samples, and what is written of them."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ForeignKey,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from labelaudit.enums import DatasetKind, JobStatus
from service.db.tables.base import (
    BigInt,
    Created,
    Json,
    Model,
    TenantOwned,
    one_of,
)


class Dataset(Created, TenantOwned, Model):
    """One upload. Version n is the upload with its first n corrections applied, uncopied."""

    __tablename__ = "dataset"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    filename: Mapped[str] = mapped_column(String(400))
    status: Mapped[JobStatus] = mapped_column(one_of(JobStatus))
    kind: Mapped[DatasetKind | None] = mapped_column(one_of(DatasetKind, name="kind"))
    format: Mapped[str | None] = mapped_column(String(40))
    bytes: Mapped[int] = mapped_column(BigInt)
    sha256: Mapped[str] = mapped_column(String(64))  # while `in_bucket` what was said, or empty
    in_bucket: Mapped[bool] = mapped_column(default=False)  # its bytes are still to be fetched
    version: Mapped[int] = mapped_column(BigInt, default=0)
    sample_count: Mapped[int] = mapped_column(BigInt, default=0)
    labeled_count: Mapped[int] = mapped_column(BigInt, default=0)
    class_names: Mapped[list[str]] = mapped_column(default=list)
    requested_columns: Mapped[dict[str, Any] | None]
    columns: Mapped[dict[str, Any] | None]
    seen_columns: Mapped[list[dict[str, Any]] | None] = mapped_column(Json)
    warnings: Mapped[list[str]] = mapped_column(default=list)
    problem: Mapped[dict[str, Any] | None]
    shared: Mapped[bool] = mapped_column(default=False)  # with all of its tenant
    description: Mapped[str] = mapped_column(Text, default="", server_default="")
    guidelines: Mapped[str] = mapped_column(Text, default="", server_default="")  # Markdown


class Sample(Model):
    """One labeled item. `given_label`, a class index or null, is never overwritten."""

    __tablename__ = "sample"

    dataset_id: Mapped[str] = mapped_column(
        ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(BigInt, primary_key=True, autoincrement=False)
    sample_id: Mapped[str] = mapped_column(Text)
    given_label: Mapped[int | None]

    __table_args__ = (UniqueConstraint("dataset_id", "sample_id"),)


class Export(Created, TenantOwned, Model):
    """A corrected dataset, written to a file."""

    __tablename__ = "export"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    dataset_version: Mapped[int] = mapped_column(BigInt)
    format: Mapped[str] = mapped_column(String(20))
    status: Mapped[JobStatus] = mapped_column(one_of(JobStatus), default=JobStatus.queued)
    filename: Mapped[str | None] = mapped_column(String(400))
    bytes: Mapped[int | None] = mapped_column(BigInt)
    sha256: Mapped[str | None] = mapped_column(String(64))
    counts: Mapped[dict[str, Any] | None]  # null until completed
    problem: Mapped[dict[str, Any] | None]
    finished_at: Mapped[datetime | None]
