"""The tables. Rows are facts: only a job's state and a suspect's lease ever change."""

import secrets
import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    Double,
    Enum,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import BigInteger, TypeDecorator

Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
BigInt = BigInteger().with_variant(Integer(), "sqlite")


def new_id(prefix: str) -> str:
    """A random id that sorts by the time it was made: `ds_0197c2f3a1b2` + 16 random hex digits."""
    return f"{prefix}_{int(time.time() * 1000):012x}{secrets.token_hex(8)}"


def now() -> datetime:
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite forgets the zone, so it is put back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def one_of(kind: type[StrEnum]) -> Enum:
    """A text column that holds only the enum's values, checked by the database."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=True,
        length=20,
        name=kind.__name__.lower(),
        values_callable=lambda members: [member.value for member in members],
    )


class Model(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "%(table_name)s_%(column_0_N_name)s_ix",
            "uq": "%(table_name)s_%(column_0_N_name)s_uq",
            "ck": "%(table_name)s_%(constraint_name)s_ck",
            "fk": "%(table_name)s_%(column_0_N_name)s_fk",
            "pk": "%(table_name)s_pk",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        dict[str, Any]: Json,
        list[str]: Json,
        float: Double(),
    }

    def to_dict(self) -> dict[str, Any]:
        """Every column by its name; `vars` lacks those that a new row has not read back yet."""
        return {name: getattr(self, name) for name in self.__mapper__.columns.keys()}  # noqa: SIM118


class Role(StrEnum):
    admin = "admin"
    uploader = "uploader"
    annotator = "annotator"


class Kind(StrEnum):
    image = "image"
    text = "text"
    table = "table"
    vector = "vector"
    probabilities = "probabilities"


class DatasetStatus(StrEnum):
    processing = "processing"
    ready = "ready"
    rejected = "rejected"


class JobStatus(StrEnum):
    queued = "queued"
    running = "running"
    completed = "completed"
    failed = "failed"
    cancelled = "cancelled"


FINISHED = (JobStatus.completed, JobStatus.failed, JobStatus.cancelled)


class StepKind(StrEnum):
    ingest = "ingest"
    encoding = "encode"  # `encode` is a method of str
    train = "train"
    rank = "rank"
    model = "model"
    predict = "predict"
    export = "export"


class StepState(StrEnum):
    ready = "ready"
    running = "running"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"


class Tier(StrEnum):
    obvious = "obvious"
    possible = "possible"
    none = "none"


class Verdict(StrEnum):
    keep = "keep"
    accept_suggestion = "accept_suggestion"
    relabel = "relabel"
    exclude = "exclude"
    skip = "skip"


class ReviewState(StrEnum):
    open = "open"
    skipped = "skipped"
    decided = "decided"


class ApiKey(Model):
    """Who may call. Only a hash of the secret is kept."""

    __tablename__ = "api_key"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[Role] = mapped_column(one_of(Role))
    secret_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Dataset(Model):
    """One upload. Version n is the upload with its first n corrections applied, uncopied."""

    __tablename__ = "dataset"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    filename: Mapped[str] = mapped_column(String(400))
    status: Mapped[DatasetStatus] = mapped_column(one_of(DatasetStatus))
    kind: Mapped[Kind | None] = mapped_column(one_of(Kind))
    format: Mapped[str | None] = mapped_column(String(40))
    bytes: Mapped[int] = mapped_column(BigInt)
    sha256: Mapped[str] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(BigInt, default=0)
    sample_count: Mapped[int] = mapped_column(BigInt, default=0)
    labeled_count: Mapped[int] = mapped_column(BigInt, default=0)
    class_names: Mapped[list[str]] = mapped_column(default=list)
    requested_columns: Mapped[dict[str, Any] | None]
    columns: Mapped[dict[str, Any] | None]
    warnings: Mapped[list[str]] = mapped_column(default=list)
    problem: Mapped[dict[str, Any] | None]
    created_by: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(default=now)


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


class Audit(Model):
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
    summary: Mapped[dict[str, Any] | None]
    problem: Mapped[dict[str, Any] | None]
    created_by: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(default=now)
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


class Ranking(Model):
    """An immutable order of an audit's samples: number 0 by the models alone, the later ones with
    the verdicts of their time."""

    __tablename__ = "ranking"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    audit_id: Mapped[str] = mapped_column(ForeignKey("audit.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    number: Mapped[int] = mapped_column(default=0, server_default="0")
    summary: Mapped[dict[str, Any] | None]


class Suspect(Model):
    """A ranked sample; rank 1 is the worst. Only its review state and lease change."""

    __tablename__ = "suspect"

    ranking_id: Mapped[str] = mapped_column(
        ForeignKey("ranking.id", ondelete="CASCADE"), primary_key=True
    )
    rank: Mapped[int] = mapped_column(BigInt, primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(BigInt)
    sample_id: Mapped[str] = mapped_column(Text)
    given_label: Mapped[int]
    predicted_label: Mapped[int]
    suggested_label: Mapped[int | None]
    suggested_label_confidence: Mapped[float | None]
    p_wrong: Mapped[float]  # high = bad
    p_wrong_low: Mapped[float]
    p_wrong_high: Mapped[float]
    tier: Mapped[Tier] = mapped_column(one_of(Tier))
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[ReviewState] = mapped_column(
        one_of(ReviewState), default=ReviewState.open, server_default="open"
    )
    lease_id: Mapped[str | None] = mapped_column(String(40))
    lease_holder: Mapped[str | None] = mapped_column(String(16))
    lease_until: Mapped[float | None]
    control: Mapped[bool] = mapped_column(default=False, server_default=false())  # leased as one

    __table_args__ = (
        UniqueConstraint("ranking_id", "sample_id"),
        CheckConstraint("p_wrong_low <= p_wrong AND p_wrong <= p_wrong_high", name="band"),
        Index(
            "suspect_open_ix",
            "ranking_id",
            "rank",
            postgresql_where=text("state = 'open'"),
            sqlite_where=text("state = 'open'"),
        ),
    )


class Correction(Model):
    """One annotator's verdict on one sample. Append-only: an undo is a row that names it."""

    __tablename__ = "correction"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    seq: Mapped[int] = mapped_column(BigInt)  # the dataset's version after this row
    audit_id: Mapped[str] = mapped_column(ForeignKey("audit.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(BigInt)
    sample_id: Mapped[str] = mapped_column(Text)
    verdict: Mapped[Verdict | None] = mapped_column(one_of(Verdict))  # null in a revert
    given_label: Mapped[int]
    corrected_label: Mapped[int | None]
    reverts: Mapped[str | None] = mapped_column(
        ForeignKey("correction.id", ondelete="CASCADE"), unique=True
    )
    note: Mapped[str | None] = mapped_column(Text)
    annotator: Mapped[str] = mapped_column(String(200))
    key_id: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(default=now)
    # drawn at random and shown without the machine's opinion
    control: Mapped[bool] = mapped_column(default=False, server_default=false())

    __table_args__ = (
        UniqueConstraint("dataset_id", "seq"),
        Index(None, "audit_id", "seq"),
        Index(None, "dataset_id", "position"),
    )


class Idempotency(Model):
    """The answer already given to a request that is sent again with the same key."""

    __tablename__ = "idempotency"

    key_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    body: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Export(Model):
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
    problem: Mapped[dict[str, Any] | None]
    created_by: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]
