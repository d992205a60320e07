"""The job queue."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Index,
    String,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from labelaudit.enums import JobStatus, JobType
from service.db.tables.base import (
    BigInt,
    Model,
    now,
    one_of,
)


class Job(Model):
    """A unit of work: claimed under a lease, fenced, safe to run again."""

    __tablename__ = "job"

    subject_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    type: Mapped[JobType] = mapped_column(one_of(JobType), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    queue: Mapped[str] = mapped_column(String(20))
    status: Mapped[JobStatus] = mapped_column(one_of(JobStatus), default=JobStatus.queued)
    attempt: Mapped[int] = mapped_column(default=0)
    fence: Mapped[int] = mapped_column(BigInt, default=0)
    owner: Mapped[str | None] = mapped_column(String(200))
    lease_until: Mapped[float | None]
    ready_at: Mapped[float] = mapped_column(default=0.0)
    progress: Mapped[float] = mapped_column(default=0.0)
    problem: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "job_unfinished_ix",
            "queue",
            "created_at",
            postgresql_where=text("status IN ('queued', 'running')"),
            sqlite_where=text("status IN ('queued', 'running')"),
        ),
    )
