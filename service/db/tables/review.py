"""Rankings, suspects, corrections."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from labelaudit.enums import Goal, ReviewState, Tier, Verdict
from service.db.tables.base import (
    BigInt,
    Model,
    now,
    one_of,
)


class Ranking(Model):
    """An immutable order of an audit's samples: number 0 by the models alone, later ones with the
    verdicts up to that time."""

    __tablename__ = "ranking"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    audit_id: Mapped[str] = mapped_column(ForeignKey("audit.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    number: Mapped[int] = mapped_column(default=0, server_default="0")
    summary: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)  # large


# What the queue searches for, each with its own index, so that finding the next sample takes the
# same time however many are decided. Literal SQL, because partial indexes need constants.
FRESH = "state = 'open' AND opinions = 0"
BEGUN = "state = 'open' AND opinions > 0"
CLOSED = "state <> 'open'"
FLAGGED = "issues <> 0"
# The sum keeps the planner from choosing the index of all fresh suspects over the flagged ones'.
FRESH_FLAGGED = f"state = 'open' AND {FLAGGED} AND opinions + 0 = 0"


def _queue(name: str, *columns: str, where: str) -> Index:
    condition = text(where)
    return Index(
        f"suspect_{name}_ix",
        "ranking_id",
        *columns,
        postgresql_where=condition,
        sqlite_where=condition,
    )


class Suspect(Model):
    """A ranked sample; rank 1 is the worst. Only its review state changes."""

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
    issues: Mapped[int] = mapped_column(default=0, server_default="0")  # bits of service.issues
    ambiguous_score: Mapped[float | None]  # low = bad, as the next two
    near_duplicate_score: Mapped[float | None]
    outlier_score: Mapped[float | None]
    duplicate_set: Mapped[int | None]
    # of pictures; low = bad
    dark_score: Mapped[float | None]
    light_score: Mapped[float | None]
    blurry_score: Mapped[float | None]
    low_information_score: Mapped[float | None]
    odd_aspect_ratio_score: Mapped[float | None]
    odd_size_score: Mapped[float | None]
    grayscale_score: Mapped[float | None]
    # Copies from the log and the leases, so that the queue need not read them.
    opinions: Mapped[int] = mapped_column(default=0, server_default="0")  # in force
    wanted: Mapped[int | None]  # opinions; null until the first verdict: as many as the audit wants
    begun_by: Mapped[str | None] = mapped_column(String(16))  # key id of the oldest opinion
    full_until: Mapped[float | None]  # until then there are leases for all missing opinions

    __table_args__ = (
        UniqueConstraint("ranking_id", "sample_id"),
        CheckConstraint("p_wrong_low <= p_wrong AND p_wrong <= p_wrong_high", name="band"),
        _queue("fresh", "tier", "rank", "predicted_label", where=FRESH),
        _queue("fresh_class", "given_label", "tier", "rank", "predicted_label", where=FRESH),
        _queue("begun", "tier", "rank", "begun_by", where=BEGUN),
        _queue("closed", "state", "tier", "rank", where=CLOSED),
        _queue("issue", "tier", "rank", "issues", where=f"state = 'open' AND {FLAGGED}"),
        _queue("duplicate", "duplicate_set", where="duplicate_set IS NOT NULL"),
        # for pages of rare suspects, which would scan the whole ranking otherwise
        _queue("flagged", "rank", "issues", where=FLAGGED),
        Index("suspect_pair_ix", "ranking_id", "given_label", "predicted_label", "rank"),
    )


CERTIFIED = "certificate_id IS NOT NULL"


class Correction(Model):
    """One annotator's verdict on one sample, or the revert of a row. Append-only.

    `service.review.outcome` defines what a sample's rows add up to.
    """

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
    # shared by the rows of one request; null in rows older than batches
    batch_id: Mapped[str | None] = mapped_column(String(40))
    wanted: Mapped[int | None]  # opinions at that time; null: one
    adjudication: Mapped[bool] = mapped_column(default=False, server_default=false())
    note: Mapped[str | None] = mapped_column(Text)
    annotator: Mapped[str] = mapped_column(String(200))
    key_id: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(default=now)
    # drawn at random and reviewed without the model's opinion
    control: Mapped[bool] = mapped_column(default=False, server_default=false())
    # the certificate that this row rests on, instead of somebody's look at the sample
    certificate_id: Mapped[str | None] = mapped_column(String(40))
    # detect missing and edited rows: service/review/hash_chain.py
    prev_hash: Mapped[str] = mapped_column(String(64), server_default="")
    hash: Mapped[str] = mapped_column(String(64), server_default="")

    __table_args__ = (
        UniqueConstraint("dataset_id", "seq"),
        Index(None, "audit_id", "seq"),
        Index(None, "dataset_id", "position"),
        Index(None, "batch_id"),
        Index(
            "correction_certificate_id_ix",
            "certificate_id",
            postgresql_where=text(CERTIFIED),
            sqlite_where=text(CERTIFIED),
        ),
    )


class Certificate(Model):
    """A part of an audit's first ranking that people judge blind, so that the rest of it can be
    fixed at once. Nothing of it changes: what it promises follows from the log."""

    __tablename__ = "certificate"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    audit_id: Mapped[str] = mapped_column(ForeignKey("audit.id", ondelete="CASCADE"), index=True)
    goal: Mapped[Goal] = mapped_column(one_of(Goal))
    level: Mapped[float]  # that the order of judging aims at
    tiers: Mapped[list[str]]
    given_label: Mapped[int | None]
    predicted_label: Mapped[int | None]
    issue: Mapped[str | None] = mapped_column(String(40))  # an Issue
    version: Mapped[int] = mapped_column(BigInt)  # of the dataset, when it was opened
    created_by: Mapped[str] = mapped_column(String(200))
    key_id: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(default=now)
