"""Units of work."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Index,
    String,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from labelaudit.enums import StepKind, StepState
from service.db.tables.base import (
    BigInt,
    Model,
    now,
    one_of,
)


class Step(Model):
    """A unit of work: claimed under a lease, fenced, safe to run again."""

    __tablename__ = "step"

    subject_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[StepKind] = mapped_column(one_of(StepKind), primary_key=True)
    shard: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    queue: Mapped[str] = mapped_column(String(20))
    state: Mapped[StepState] = mapped_column(one_of(StepState), default=StepState.ready)
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
            "step_unfinished_ix",
            "queue",
            "created_at",
            postgresql_where=text("state IN ('ready', 'running')"),
            sqlite_where=text("state IN ('ready', 'running')"),
        ),
    )
