"""Datasets and samples."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from labelaudit.enums import DatasetKind, DatasetStatus, Verdict
from labelaudit.schemas.base import Request, Schema, Words

ColumnName = Annotated[Words, StringConstraints(min_length=1, max_length=200)]


class DatasetRead(Schema):
    id: str
    name: str
    filename: str
    status: DatasetStatus
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
    created_by: str
    created_at: datetime


class ColumnRoles(Request):
    """What the columns of an upload are. What is left out is guessed."""

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


class ColumnList(Schema):
    status: DatasetStatus
    items: list[ColumnRead] = Field(
        description="The first 500 columns in file order; empty while the file is read."
    )


class SampleRead(Schema):
    sample_id: str
    position: int
    given_label: str | None = Field(description="As uploaded; never overwritten.")
    corrected_label: str | None = Field(description="What a person decided, if anyone did.")
    verdict: Verdict | None
    content: dict[str, Any] = Field(description="`text`, `row`, `file` or `dimensions`.")
    media_url: str | None


class EstimateRead(Schema):
    value: float
    low: float
    high: float


class ConfusionRead(Schema):
    true: str
    said: str
    rate: float = Field(description="P(said | true); high = bad.")


class AnnotatorRead(Schema):
    annotator: str
    votes: int
    accuracy: float = Field(description="P(says the true class), by Dawid and Skene; low = bad.")
    agreement: float | None = Field(
        description="Share of the votes that hold by the others' votes; low = bad. Null where "
        "nobody else voted on the same samples."
    )
    agreement_low: float | None
    agreement_high: float | None
    checked: int = Field(description="Votes that the agreement rests on.")
    confused: ConfusionRead | None = Field(description="The worst confusion, if one stands out.")


class AnnotatorList(Schema):
    """What several annotators' votes say without any model; intervals are of 95 %."""

    samples: int = Field(description="Samples with a vote.")
    votes: int
    annotator_count: int
    samples_with_two: int = Field(description="Samples with two votes or more.")
    independence: float = Field(
        description="What votes count for beside independent ones, in (0, 1]; low = annotators "
        "miss the same samples."
    )
    observed_agreement: EstimateRead | None
    krippendorff_alpha: EstimateRead | None = Field(
        description="Nominal; 1 = full agreement, 0 = chance."
    )
    fleiss_kappa: EstimateRead | None
    annotators: list[AnnotatorRead] = Field(description="The 200 with the most votes.")
