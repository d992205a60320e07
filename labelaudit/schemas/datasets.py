"""Datasets and samples."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from labelaudit.enums import DatasetKind, JobStatus, Verdict
from labelaudit.schemas.base import Estimate, Page, Person, Request, Schema, Words

ColumnName = Annotated[Words, StringConstraints(min_length=1, max_length=200)]


class DatasetRead(Schema):
    id: str
    name: str
    filename: str
    status: JobStatus
    kind: DatasetKind | None
    format: str | None = Field(description="The form it came in, e.g. imagefolder, csv, npz.")
    bytes: int
    sha256: str = Field(
        description="Of the file. Empty while a multipart upload that did not say it is fetched."
    )
    version: int = Field(description="Version n = the upload with its first n corrections applied.")
    sample_count: int
    labeled_count: int = Field(description="Samples without a label are kept, not analysed.")
    class_names: list[str]
    columns: dict[str, Any] | None = Field(description="How the columns were understood.")
    warnings: list[str]
    shared: bool = Field(description="Everybody of the organisation sees it, not only members.")
    problem: dict[str, Any] | None = Field(description="Why a rejected dataset was rejected.")
    description: str
    guidelines: str = Field(description="Guidelines for annotators, in Markdown.")
    created_by: Person
    created_at: datetime


class DatasetUpdate(Request):
    """Fields that you omit stay as they are."""

    name: Words | None = Field(default=None, min_length=1, max_length=200)
    description: Words | None = Field(default=None, max_length=10_000)
    guidelines: Words | None = Field(
        default=None, max_length=100_000, description="Guidelines for annotators, in Markdown."
    )


class ColumnRoles(Request):
    """The roles of an upload's columns. Roles that you omit are detected."""

    label: ColumnName | None = None
    sample_id: ColumnName | None = None
    text: ColumnName | None = None
    file: ColumnName | None = Field(default=None, description="Names the image files of a zip.")
    embedding: ColumnName | None = None
    pred_probs: ColumnName | None = Field(
        default=None, description="Out-of-sample class probabilities, ranked without training."
    )
    features: list[ColumnName] | None = Field(
        default=None, min_length=1, max_length=10_000, description="Exactly these, once given."
    )
    ignored: list[ColumnName] = Field(
        default=[], max_length=10_000, description="Treated as if they were not in the file."
    )


class ColumnRead(Schema):
    name: str
    type: str = Field(
        description="`text`, `number`, `integer`, `list`, `empty`, or the file's own if no role "
        "can take it."
    )
    missing: int = Field(description="Rows without a value.")
    examples: list[str] = Field(description="Its first values, shortened.")
    role: str | None = Field(
        description="`label`, `sample_id`, `text`, `file`, `embedding`, `pred_probs`, `feature`, "
        "`votes` or `ignored`; null where the file was rejected before roles were decided."
    )


class ColumnPage(Page[ColumnRead]):
    """The first 500 columns in file order; empty while the file is read."""

    status: JobStatus


class SampleRead(Schema):
    sample_id: str
    position: int
    given_label: str | None = Field(description="As uploaded; never overwritten.")
    corrected_label: str | None = Field(description="The label that a person decided, if any.")
    verdict: Verdict | None
    content: dict[str, Any] = Field(description="`text`, `row`, `file` or `dimensions`.")
    media_url: str | None


class ConfusionRead(Schema):
    true: str
    said: str
    rate: float = Field(description="P(said | true); high = bad.")


class AnnotatorRead(Schema):
    annotator: str
    votes: int
    accuracy: float = Field(description="P(says the true class), by Dawid and Skene; low = bad.")
    agreement: Estimate | None = Field(
        description="Share of the votes that hold by the others' votes; low = bad. Null where "
        "nobody else voted on the same samples."
    )
    checked: int = Field(description="Votes that the agreement rests on.")
    confused: ConfusionRead | None = Field(description="The worst confusion, if one stands out.")


class VoteSummary(Schema):
    """The annotators' quality and agreement, from their votes alone, with 95% intervals."""

    samples: int = Field(description="Samples with a vote.")
    votes: int
    annotator_count: int
    samples_with_two: int = Field(description="Samples with two votes or more.")
    independence: float = Field(
        description="Mean weight of a vote, in (0, 1]; 1 = annotators err independently, low = "
        "they miss the same samples."
    )
    observed_agreement: Estimate | None
    krippendorff_alpha: Estimate | None = Field(
        description="Nominal; 1 = full agreement, 0 = chance."
    )
    fleiss_kappa: Estimate | None


class AnnotatorPage(Page[AnnotatorRead], VoteSummary):
    """The 200 annotators with the most votes, and what all votes say together."""
