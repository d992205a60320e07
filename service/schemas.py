"""What the API takes and gives. Directions are said in every field: high = bad or low = bad."""

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Base64Bytes,
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from service.model_description import ModelDescription
from service.models import (
    DatasetStatus,
    JobStatus,
    Kind,
    ReviewState,
    Role,
    StepKind,
    Tier,
    Verdict,
)
from service.tabular import Cell
from service.training import TrainingConfig

Item = TypeVar("Item")
ExportFormat = Literal["original", "csv", "parquet", "patch"]


def _storable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("must not contain the NUL character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("must not contain half of a surrogate pair") from None
    return value


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("must lie between the years 1 and 9999 in UTC") from None


Words = Annotated[str, AfterValidator(_storable)]
Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class Schema(BaseModel):
    """What is answered."""

    model_config = ConfigDict(from_attributes=True)


class Request(BaseModel):
    """What is asked; unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Page(Schema, Generic[Item]):
    """One page of a list; ask again with `cursor=next_cursor` until it is null."""

    items: list[Item]
    next_cursor: str | None


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(examples=["/problems/invalid-dataset"])
    title: str
    status: int
    detail: str
    instance: str | None = None
    request_id: str | None = None
    errors: list[dict[str, Any]] = Field(
        default_factory=list, description="Each with `detail` and a `pointer`, `row` or `file`."
    )


# ----------------------------------------------------------------------------------------- datasets


class DatasetRead(Schema):
    id: str
    name: str
    filename: str
    status: DatasetStatus
    kind: Kind | None
    format: str | None = Field(description="The form it came in, e.g. imagefolder, csv, npz.")
    bytes: int
    sha256: str
    version: int = Field(description="Version n = the upload with its first n corrections applied.")
    sample_count: int
    labeled_count: int = Field(description="Samples without a label are kept, not analysed.")
    class_names: list[str]
    columns: dict[str, Any] | None = Field(description="How the columns were understood.")
    warnings: list[str]
    problem: dict[str, Any] | None = Field(description="Why a rejected dataset was rejected.")
    created_by: str
    created_at: datetime


class SampleRead(Schema):
    sample_id: str
    position: int
    given_label: str | None = Field(description="As uploaded; never overwritten.")
    corrected_label: str | None = Field(description="What a person decided, if anyone did.")
    verdict: Verdict | None
    content: dict[str, Any] = Field(description="`text`, `row`, `file` or `dimensions`.")
    media_url: str | None


# ------------------------------------------------------------------------------------------- audits


class AuditCreate(TrainingConfig):
    """How to audit. An empty object is a good answer."""

    encoder: Words | None = Field(
        default="auto",
        max_length=300,
        description="`auto`, a name from `GET /v1/encoders`, or null to train a network on the "
        "images themselves.",
    )
    dataset_version: int | None = Field(
        default=None, ge=0, description="The newest version when left out."
    )


class AuditRead(Schema):
    id: str
    dataset_id: str
    dataset_version: int
    status: JobStatus
    step: StepKind | None = Field(description="What is being done now.")
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


class SuspectPage(Page[SuspectRead]):
    ranking_id: str


class TrajectoryRead(Schema):
    """How the replicas met this sample, epoch by epoch."""

    epochs: int
    replicas: int
    in_bag: list[int] = Field(description="Times each replica's bootstrap drew the sample.")
    p_given: list[list[float]] = Field(description="epochs x replicas; low = bad.")
    margin: list[list[float]] = Field(description="epochs x replicas; low = bad.")
    predicted_label: list[list[int]] = Field(description="epochs x replicas, class indices.")


class SuspectDetail(SuspectRead):
    position: int
    content: dict[str, Any]
    media_url: str | None
    signals: dict[str, float | None]
    top_labels: list[dict[str, Any]] = Field(description="Likely classes, most likely first.")
    trajectory: TrajectoryRead | None = Field(description="Null where no network was trained.")
    corrected_label: str | None
    verdict: Verdict | None
    correction_id: str | None


# ------------------------------------------------------------------------------------------- review


class QueueNext(Request):
    purpose: Literal["review", "control"] = Field(
        default="review",
        description="`control` draws at random and hides what the machine thinks of the sample.",
    )
    count: int = Field(default=1, ge=1, le=20)
    tier: list[Tier] = Field(default=[Tier.obvious, Tier.possible])
    given_label: Words | None = None
    predicted_label: Words | None = None
    state: Literal["open", "skipped"] = "open"


class Lease(Schema):
    lease_id: str
    expires_in_seconds: float


class LeaseRequest(Request):
    sample_id: Words
    lease_id: Words


class LeasedSuspect(SuspectDetail):
    lease: Lease


class Control(Schema):
    """A sample to judge blind: its content and given label, no rank, tier or suggestion."""

    sample_id: str
    position: int
    given_label: str
    state: ReviewState
    content: dict[str, Any]
    media_url: str | None
    lease: Lease


class QueueItems(Schema):
    items: list[LeasedSuspect | Control] = Field(
        description="Empty when nothing is left to review."
    )


class CorrectionCreate(Request):
    sample_id: Words
    verdict: Verdict
    corrected_label: Words | None = Field(default=None, description="A class name; for `relabel`.")
    lease_id: Words | None = None
    supersedes: Words | None = Field(
        default=None, description="The correction this one replaces, if the sample is decided."
    )
    note: Words | None = Field(default=None, max_length=2000)

    @model_validator(mode="after")
    def _label_belongs_to_relabel(self) -> "CorrectionCreate":
        if (self.verdict is Verdict.relabel) != (self.corrected_label is not None):
            raise ValueError("`corrected_label` is given with the verdict `relabel` and only then")
        return self


class CorrectionsCreate(Request):
    corrections: list[CorrectionCreate] = Field(min_length=1, max_length=1000)


class CorrectionRead(Schema):
    id: str
    seq: int = Field(description="The dataset's version after this correction.")
    audit_id: str
    sample_id: str
    verdict: Verdict | None = Field(description="Null in a revert.")
    given_label: str
    corrected_label: str | None
    reverts: str | None
    note: str | None
    annotator: str
    control: bool = Field(description="Drawn at random and judged blind.")
    created_at: datetime


class RankingRead(Schema):
    number: int = Field(description="0 is the models' own; later ones follow the verdicts.")
    status: JobStatus
    ranking_id: str | None = Field(description="Null until it is completed.")
    verdicts: dict[str, Any] | None = Field(description="What it rests on: n, wrong, by_tier.")
    problem: dict[str, Any] | None
    created_at: datetime
    finished_at: datetime | None


class CorrectionList(Schema):
    corrections: list[CorrectionRead]
    dataset_version: int


# ------------------------------------------------------------------------------------------- models

MAX_PREDICTED = {"texts": 256, "images": 64, "rows": 1000, "vectors": 1000}
Text = Annotated[Words, Field(max_length=100_000)]


class ModelFile(Schema):
    name: str
    bytes: int
    download_url: str


class ModelRead(Schema):
    """The robust model of an audit; it is trained after the ranking is published."""

    audit_id: str
    status: JobStatus
    progress: float = Field(ge=0, le=1)
    problem: dict[str, Any] | None = Field(description="Why training failed; the ranking stands.")
    description: ModelDescription | None = Field(description="Null until it is completed.")
    files: list[ModelFile]


class PredictRequest(Request):
    """New samples of the dataset's kind: exactly one of the four lists."""

    texts: list[Text] | None = Field(default=None, min_length=1, max_length=MAX_PREDICTED["texts"])
    rows: list[dict[str, Cell]] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_PREDICTED["rows"],
        description="Table rows by column; what a row leaves out is missing.",
    )
    vectors: list[list[float]] | None = Field(
        default=None, min_length=1, max_length=MAX_PREDICTED["vectors"]
    )
    images: list[Base64Bytes] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_PREDICTED["images"],
        description="Image files in Base64, 16 MiB the whole request.",
    )

    @model_validator(mode="after")
    def _one_list(self) -> "PredictRequest":
        if len(self.model_fields_set) != 1 or getattr(self, self.form) is None:
            raise ValueError("send one of `texts`, `rows`, `vectors` and `images`")
        return self

    @property
    def form(self) -> str:
        return next(iter(self.model_fields_set))


class LabelProbability(Schema):
    label: str
    probability: float = Field(ge=0, le=1, description="Calibrated.")


class Prediction(Schema):
    label: str
    confidence: float = Field(ge=0, le=1, description="Calibrated; high = sure.")
    cannot_say: bool = Field(description="The confidence is below the model's threshold.")
    top: list[LabelProbability] = Field(description="Likeliest classes, 10 at most, best first.")


class PredictionRead(Schema):
    audit_id: str
    status: JobStatus
    problem: dict[str, Any] | None
    predictions: list[Prediction] | None = Field(description="In the order of the request.")


# ------------------------------------------------------------------------------------ exports, keys


class ExportCreate(Request):
    format: ExportFormat = "original"
    dataset_version: int | None = Field(default=None, ge=0)


class ExportRead(Schema):
    id: str
    dataset_id: str
    dataset_version: int
    format: str
    status: JobStatus
    filename: str | None
    bytes: int | None
    sha256: str | None
    problem: dict[str, Any] | None
    created_at: datetime
    finished_at: datetime | None
    download_url: str | None


class KeyCreate(Request):
    name: Words = Field(min_length=1, max_length=200)
    role: Role = Role.annotator
    expires_at: Moment | None = None


class KeyRead(Schema):
    id: str
    name: str
    role: Role
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class KeyCreated(KeyRead):
    token: str = Field(description="Shown only now.")


class Me(Schema):
    name: str
    role: Role
