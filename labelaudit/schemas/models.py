"""An audit's model and its answers."""

from typing import Annotated, Any

from pydantic import Base64Bytes, Field, model_validator

from labelaudit.enums import JobStatus
from labelaudit.schemas.base import Request, Schema, Words
from labelaudit.schemas.model_description import Cell, ModelDescription

MAX_PREDICTED = {"texts": 256, "images": 64, "rows": 1000, "vectors": 1000}


Text = Annotated[Words, Field(max_length=100_000)]


class ClassifierFile(Schema):
    name: str
    bytes: int
    download_url: str


class ClassifierRead(Schema):
    """The classifier of an audit; it is trained after the ranking is published."""

    audit_id: str
    status: JobStatus
    progress: float = Field(ge=0, le=1)
    problem: dict[str, Any] | None = Field(description="Why training failed; the ranking stands.")
    description: ModelDescription | None = Field(description="Null until it is completed.")
    files: list[ClassifierFile]


class PredictRequest(Request):
    """New samples of the dataset's kind: exactly one of the four lists."""

    texts: list[Text] | None = Field(default=None, min_length=1, max_length=MAX_PREDICTED["texts"])
    rows: list[dict[str, Cell]] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_PREDICTED["rows"],
        description="Table rows by column; omitted columns are missing values.",
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
    top: list[LabelProbability] = Field(description="Most likely classes, 10 at most, best first.")


class PredictionRead(Schema):
    audit_id: str
    status: JobStatus
    problem: dict[str, Any] | None
    predictions: list[Prediction] | None = Field(description="In the order of the request.")
