"""Audits and what they tell while they run."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ForeignKey,
    Index,
    String,
)
from sqlalchemy.orm import Mapped, mapped_column

from labelaudit.enums import JobStatus
from service.db.tables.base import (
    BigInt,
    Created,
    Model,
    TenantOwned,
    now,
    one_of,
)


class Audit(Created, TenantOwned, Model):
    """One training and ranking pass over one dataset version."""

    __tablename__ = "audit"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    dataset_version: Mapped[int] = mapped_column(BigInt)
    status: Mapped[JobStatus] = mapped_column(one_of(JobStatus), default=JobStatus.queued)
    config: Mapped[dict[str, Any]]
    plan: Mapped[dict[str, Any] | None]
    remaining: Mapped[int] = mapped_column(default=0)  # train shards not finished yet
    last_event: Mapped[int] = mapped_column(BigInt, default=0)
    opinions: Mapped[int] = mapped_column(default=1, server_default="1")  # wanted of each sample
    adjudicators: Mapped[list[str]] = mapped_column(default=list, server_default="[]")  # key ids
    summary: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)  # large
    problem: Mapped[dict[str, Any] | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "dataset_id", "id"),)


class AuditEvent(Model):
    """What the progress stream tells; `seq` has no gaps, so a reader can resume anywhere."""

    __tablename__ = "audit_event"

    audit_id: Mapped[str] = mapped_column(
        ForeignKey("audit.id", ondelete="CASCADE"), primary_key=True
    )
    seq: Mapped[int] = mapped_column(BigInt, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(default=now)
    data: Mapped[dict[str, Any]]
