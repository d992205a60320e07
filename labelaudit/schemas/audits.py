"""Audits and their suspects."""

from datetime import datetime
from typing import Any

from pydantic import Field

from labelaudit.enums import (
    Issue,
    JobStatus,
    JobType,
    ReviewState,
    Tier,
    Verdict,
)
from labelaudit.schemas.base import Page, Schema


class AuditRead(Schema):
    id: str
    dataset_id: str
    dataset_version: int
    status: JobStatus
    job: JobType | None = Field(description="What is being done now.")
    progress: float = Field(ge=0, le=1)
    eta_seconds: float | None = Field(description="Null until it can be told.")
    config: dict[str, Any]
    problem: dict[str, Any] | None
    created_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class SuspectRead(Schema):
    rank: int = Field(description="1 is the worst.")
    sample_id: str
    given_label: str
    predicted_label: str
    suggested_label: str | None
    suggested_label_confidence: float | None
    p_wrong: float = Field(description="Probability that the given label is wrong; high = bad.")
    p_wrong_low: float
    p_wrong_high: float
    label_score: float = Field(description="1 - p_wrong; low = bad.")
    tier: Tier
    reason: str
    state: ReviewState
    issues: list[Issue] = Field(default=[], description="What else may be amiss with the sample.")
    ambiguous_score: float | None = Field(
        default=None, description="1 - p2 / p1 of the two likeliest classes; low = bad."
    )
    near_duplicate_score: float | None = Field(default=None, description="Low = bad.")
    outlier_score: float | None = Field(default=None, description="Low = bad.")


class SuspectPage(Page[SuspectRead]):
    ranking_id: str


class TrajectoryRead(Schema):
    """How the replicas met this sample, epoch by epoch."""

    epochs: int
    replicas: int
    in_bag: list[int] = Field(description="Times each replica's bootstrap drew the sample.")
    p_given: list[list[float]] = Field(description="epochs x replicas; low = bad.")
    p_suggested_low: list[list[float]] | None = Field(
        description="epochs x replicas: bounds of the suggested label's probability, equal where "
        "the replica predicts it; null without a suggestion."
    )
    p_suggested_high: list[list[float]] | None
    margin: list[list[float]] = Field(description="epochs x replicas; low = bad.")
    predicted_label: list[list[int]] = Field(description="epochs x replicas, class indices.")


class OpinionRead(Schema):
    """One person's opinion in force."""

    id: str
    annotator: str
    annotator_id: str
    verdict: Verdict
    corrected_label: str | None
    note: str | None
    created_at: datetime


class VoteRead(Schema):
    """A class that annotators voted for in the upload."""

    label: str
    votes: float
    annotators: list[str] = Field(description="Empty where votes came as counts without names.")


class SuspectDetail(SuspectRead):
    position: int
    content: dict[str, Any] = Field(
        description="`text`, `file` or `dimensions`; or a table's `row` with `typical`: each "
        "column with what is usual in the given and in the predicted class, the value that speaks "
        "most `against` the given label first."
    )
    media_url: str | None
    signals: dict[str, float | None]
    top_labels: list[dict[str, Any]] = Field(description="Likely classes, most likely first.")
    duplicates: list[dict[str, str]] = Field(
        default=[], description="Up to 20 near duplicates: sample_id and given_label."
    )
    votes: list[VoteRead] = Field(
        default=[],
        description="What annotators said in the upload, the class with the most votes first.",
    )
    trajectory: TrajectoryRead | None = Field(description="Null where no network was trained.")
    corrected_label: str | None
    verdict: Verdict | None
    correction_id: str | None
    opinions: list[OpinionRead] = Field(
        description="Opinions in force; empty while others are still to give theirs."
    )


class Neighbour(Schema):
    sample_id: str
    given_label: str
    corrected_label: str | None = Field(description="What was decided since, if anything.")
    content: dict[str, Any]
    media_url: str | None


class Neighbours(Schema):
    items: list[Neighbour] = Field(
        description="Nearest first, in the space that the models saw; among a random 12,000 of a "
        "larger dataset. Empty where the audit looked for no neighbours."
    )
