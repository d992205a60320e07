"""What `model.json` says of a model: all that a prediction needs, but for the weights."""

from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator

SCHEMA_VERSION = 2  # the first called `fine_tuned` `full`

Cell = str | float | int | bool | None


class NumberColumn(BaseModel):
    """value -> missing = `filled`; minus `centre`, over `scale`; clipped; minus, over the last."""

    name: str
    filled: float
    centre: float
    scale: float
    clipped_centre: float
    clipped_scale: float


class CategoryColumn(BaseModel):
    """Value i of `values` marks column i; any other marks column `rare`, or none where null."""

    name: str
    values: list[str]
    rare: int | None

    @property
    def width(self) -> int:
        return len(self.values) + (self.rare is not None)


class TableColumns(BaseModel):
    """A fitted table transformer. The vector contains `numbers`, then a mark for each of `marks`
    whose value is missing, then the one-hot `categories`. `ignored` columns were the same in all
    rows."""

    numbers: list[NumberColumn]
    marks: list[str]
    categories: list[CategoryColumn]
    ignored: list[str]

    @property
    def width(self) -> int:
        return len(self.numbers) + len(self.marks) + sum(c.width for c in self.categories)

    @property
    def names(self) -> set[str]:
        varying = {column.name for column in self.numbers}
        return varying.union(self.marks, self.ignored, (c.name for c in self.categories))


class Measured(BaseModel):
    """Accuracy on samples that no counted replica was trained on; high = good."""

    samples: int = Field(description="How many samples it was measured on.")
    weight: float = Field(description="Their total weight: uncertain labels count less than 1.")
    accuracy: float | None = Field(description="Null where there was nothing to measure on.")
    accuracy_low: float | None = Field(description="One-sided 95% Clopper-Pearson lower bound.")


class Answered(Measured):
    """The same for the predictions whose confidence reaches the threshold."""

    share: float = Field(description="Share of all predictions that are kept.")


class LabelCounts(BaseModel):
    """The number of samples that the model was trained on."""

    given: int = Field(description="With their given label.")
    doubtful: int = Field(description="With their given label, weighted by 1 - p_wrong.")
    suggested: int = Field(description="With the suggested label, weighted by its confidence.")
    decided: int = Field(description="With the label that a person decided.")
    left_out: int = Field(description="Obviously wrong, without a suggestion.")
    classes: dict[str, int] = Field(description="By the label trained on, those left out apart.")


class EncoderUsed(BaseModel):
    """The encoder, with every setting that must be the same for new samples."""

    name: str | None = Field(description="Null: the network reads the pixels.")
    version: int
    settings: dict[str, int] = Field(default_factory=dict)


class ModelDescription(BaseModel):
    """`model.json`."""

    schema_version: int = SCHEMA_VERSION
    audit_id: str
    dataset_id: str
    dataset_version: int
    kind: str
    class_names: list[str]
    encoder: EncoderUsed
    table: TableColumns | None = Field(description="How a row becomes a vector; tables only.")
    network: Literal["linear", "mlp", "cnn", "fine_tuned"]
    input_shape: list[int]
    replicas: int = Field(description="Trained models whose logits were averaged into this one.")
    temperature: float = Field(description="Logits are divided by it; above 1 = less confident.")
    threshold: float | None = Field(
        description="Below this confidence: cannot say. Null: always, the target was out of reach."
    )
    target_accuracy: float
    held_out: Measured
    answered: Answered
    trained_on: LabelCounts

    # Not an alias of the API: stored files are never rewritten, so old ones keep the old word.
    @field_validator("network", mode="before")
    @classmethod
    def _as_now_called(cls, network: Any) -> Any:
        return "fine_tuned" if network == "full" else network
