"""Audits and their suspects."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from labelaudit.enums import (
    Issue,
    JobStatus,
    JobType,
    MatrixOrigin,
    ReviewState,
    Tier,
    Verdict,
)
from labelaudit.schemas.alike import Neighbour
from labelaudit.schemas.base import Estimate, Page, Person, Schema
from labelaudit.schemas.datasets import AnnotatorRead, VoteSummary
from labelaudit.schemas.packed import PackedArray


class AuditRead(Schema):
    id: str
    dataset_id: str
    dataset_version: int
    status: JobStatus
    job: JobType | None = Field(description="The current job.")
    progress: float = Field(ge=0, le=1)
    eta_seconds: float | None = Field(description="Null until it can be told.")
    queue_position: int | None = Field(
        default=None,
        description="Its place among your organisation's audits, uploads and exports that wait for "
        "the same workers: 1 starts next. Null unless it is `queued`.",
    )
    config: dict[str, Any]
    problem: dict[str, Any] | None
    created_by: Person
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
    issues: list[Issue] = Field(default=[], description="Other issues of the sample.")
    ambiguous_score: float | None = Field(
        default=None, description="1 - p2 / p1 of the two most likely classes; low = bad."
    )
    near_duplicate_score: float | None = Field(default=None, description="Low = bad.")
    outlier_score: float | None = Field(default=None, description="Low = bad.")
    dark_score: float | None = Field(
        default=None, description="99th percentile of the picture's brightness; low = bad."
    )
    light_score: float | None = Field(
        default=None, description="1 - 5th percentile of the picture's brightness; low = bad."
    )
    blurry_score: float | None = Field(
        default=None, description="How much detail the picture has for its contrast; low = bad."
    )
    low_information_score: float | None = Field(
        default=None, description="Entropy of the picture's values, of 10 bits; low = bad."
    )
    odd_aspect_ratio_score: float | None = Field(
        default=None, description="Shorter edge of the picture over the longer; low = bad."
    )
    odd_size_score: float | None = Field(
        default=None,
        description="Size over the median picture's, or the inverse; low = bad.",
    )
    grayscale_score: float | None = Field(
        default=None,
        description="0 if the picture has no colour, else 1; low = bad.",
    )


class SuspectPage(Page[SuspectRead]):
    ranking_id: str
    total: int | None = Field(
        default=None, description="The suspects on all pages. Null unless `total` asks for it."
    )


Heavy = Literal["trajectory", "neighbours"]
INCLUDE = "Parts that are left out unless they are named here."


class TrajectoryRead(Schema):
    """The record of each replica about this sample, by epoch. Matrices are epochs x replicas."""

    epochs: int
    replicas: int
    in_bag: list[int] = Field(description="Times each replica's bootstrap drew the sample.")
    p_given: PackedArray = Field(description="Probability of the given label; low = bad.")
    p_suggested_low: PackedArray | None = Field(
        description="Lower bound of the suggested label's probability, which equals the upper one "
        "where the replica predicts it; null without a suggestion."
    )
    p_suggested_high: PackedArray | None
    margin: PackedArray = Field(
        description="Logit of the given label less the largest other one; low = bad."
    )
    predicted_label: PackedArray = Field(description="Class indices.")


class OpinionRead(Schema):
    """One person's opinion in force."""

    id: str
    annotator: Person
    verdict: Verdict
    corrected_label: str | None
    note: str | None
    created_at: datetime


class CommentRead(Schema):
    id: str
    sample_id: str
    text: str
    author: Person
    created_at: datetime


class VoteRead(Schema):
    """A class that annotators voted for in the upload."""

    label: str
    votes: float
    annotators: list[str] = Field(description="Empty where votes came as counts without names.")


class SuspectDetail(SuspectRead):
    position: int
    content: dict[str, Any] = Field(
        description="`text`, `file` or `dimensions`; or a table's `row` with `typical`. It lists "
        "each column with its usual values in the given and in the predicted class. The value that "
        "speaks most `against` the given label comes first."
    )
    media_url: str | None
    signals: dict[str, float | None]
    top_labels: list[dict[str, Any]] = Field(description="Likely classes, most likely first.")
    duplicates: list[dict[str, str]] = Field(
        default=[], description="Up to 20 near duplicates: sample_id and given_label."
    )
    votes: list[VoteRead] = Field(
        default=[],
        description="The annotators' votes in the upload, the class with the most votes first.",
    )
    trajectory: TrajectoryRead | None = Field(
        description="Null unless included, and where no network was trained."
    )
    neighbours: list[Neighbour] | None = Field(
        description="The most similar samples, nearest first. Null unless included."
    )
    corrected_label: str | None
    verdict: Verdict | None
    correction_id: str | None
    opinions: list[OpinionRead] = Field(
        description="Opinions in force; empty while others are still to give theirs."
    )
    comments: list[CommentRead] = Field(
        default=[], description="Oldest first; empty while others are still to give their opinion."
    )


class TierSummary(Schema):
    count: int = Field(description="Samples in the tier.")
    precision: Estimate | None = Field(
        description="Share of these samples whose label is expected to be wrong; `high` is not "
        "estimated. Null for an empty tier."
    )


class ClassSummary(Schema):
    label: str
    given_count: int = Field(description="Samples given this class.")
    estimated_wrong_count: float = Field(description="How many of them are mislabeled; high = bad.")
    noise_rate: Estimate = Field(description="The same as a share; high = bad.")
    most_confused_with: str | None = Field(
        description="The most likely true class of the mislabeled ones."
    )


class VerdictCount(Schema):
    n: int = Field(description="Samples with a verdict.")
    wrong: int = Field(description="How many of their labels are wrong.")


class VerdictCounts(VerdictCount):
    by_tier: dict[Tier, VerdictCount] = Field(description="By the tier that the models gave.")


class AnnotatorSummary(VoteSummary):
    annotators: list[AnnotatorRead] = Field(description="The 200 with the most votes.")


class LooksPlan(Schema):
    """A few reviews that would tell whether many suggestions can be applied at once: the plan of a
    certificate with the goal `suggestion_right`."""

    looks: int = Field(
        description="Samples to judge. If all confirm the suggestion, the promise holds."
    )
    samples: int = Field(description="The best suggestions, which could then be applied at once.")
    level: float = Field(description="Share of them that would be right at least.")


class GroupRead(Schema):
    """A group of samples whose labels the models confirm far less often than other ones."""

    kind: Literal["split", "column", "cluster"]
    name: str
    size: int = Field(description="Samples; near duplicates count once.")
    accuracy: float = Field(
        description="Share of labels that equal the out-of-sample prediction; low = bad."
    )
    accuracy_low: float = Field(description="Lower end of the 95 % interval.")
    accuracy_high: float = Field(description="Upper end.")
    elsewhere: float = Field(description="The same share of all other samples.")
    sample_ids: list[str] = Field(
        description="A few samples of the group whose prediction is another class."
    )


class DatasetCheckRead(Schema):
    """One check of the dataset as a whole."""

    name: Literal[
        "class_imbalance",
        "split_leakage",
        "missing_values",
        "non_iid",
        "underperforming_group",
        "image_quality",
    ]
    found: bool = Field(description="Whether there is something to look at.")
    count: int = Field(description="Samples concerned.")
    detail: str = Field(description="The finding, in a sentence.")
    groups: list[GroupRead] = Field(
        default=[], description="Of `underperforming_group`: at most ten, worst first."
    )


class SummaryRead(Schema):
    """The results of an audit about the dataset as a whole."""

    audit_id: str
    dataset_id: str
    dataset_version: int
    ranking_id: str
    ranking_number: int = Field(description="0: by the models alone; later ones heed verdicts.")
    class_names: list[str]
    noise_rate: Estimate = Field(description="Share of wrong labels; high = bad.")
    noise_matrix: list[list[float]] = Field(
        description="P(given | true): rows are true classes, columns given ones. Rows sum to 1."
    )
    learned_noise_matrix: list[list[float]] | None = Field(
        default=None,
        description="The noise matrix that the training objective used; row = true class, column "
        "= given label. Null where the objective has none.",
    )
    learned_noise_matrix_origin: MatrixOrigin | None = Field(
        default=None, description="Where it comes from. `unmoved`: training changed nothing."
    )
    per_class: list[ClassSummary]
    tiers: dict[Tier, TierSummary]
    issues: dict[Issue, int | None] = Field(
        default={}, description="Samples with each issue; null where it was not searched for."
    )
    looks: LooksPlan | None = Field(
        default=None,
        description="Where nothing is obvious before anybody judged: how few reviews would tell "
        "whether many suggestions are right. Null otherwise, and where there are too few.",
    )
    checks: list[DatasetCheckRead] = Field(
        default=[], description="Checks of the whole dataset; only those that its data allow."
    )
    cannot_judge: list[str] = Field(description="The limits of this audit, with reasons.")
    missing: list[str] = Field(description="Results that could not be computed for this dataset.")
    verdicts: VerdictCounts = Field(description="The verdicts that these figures rest on.")
    votes: AnnotatorSummary | None = Field(
        default=None, description="Where several annotators labeled the samples."
    )
    review: dict[Tier, dict[ReviewState, int]] = Field(
        description="Suspects by tier and by their state now."
    )
    opinions: int = Field(default=1, description="How many people are asked about each sample.")
