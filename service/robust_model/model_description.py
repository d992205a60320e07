"""What `model.json` says of a model: all that a prediction needs, but for the weights."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from service.tabular import TableColumns

SCHEMA_VERSION = 1


class Measured(BaseModel):
    """Accuracy on samples that no counted replica was trained on; high = good."""

    samples: int = Field(description="How many samples it was measured on.")
    weight: float = Field(description="What they count for: uncertain labels count less than 1.")
    accuracy: float | None = Field(description="Null where there was nothing to measure on.")
    accuracy_low: float | None = Field(description="One-sided 95 % Clopper-Pearson lower bound.")


class Answered(Measured):
    """The same for the predictions whose confidence reaches the threshold."""

    share: float = Field(description="Share of all predictions that are kept.")


class LabelCounts(BaseModel):
    """What the model was trained on, in samples."""

    given: int = Field(description="With their given label.")
    doubtful: int = Field(description="With their given label, weighted by 1 - p_wrong.")
    suggested: int = Field(description="With the suggested label, weighted by its confidence.")
    decided: int = Field(description="With the label that a person decided.")
    left_out: int = Field(description="Obviously wrong, without a suggestion.")
    classes: dict[str, int] = Field(description="By the label trained on, those left out apart.")


class EncoderUsed(BaseModel):
    """What turned samples into vectors, with all that must be the same for new ones."""

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
    network: Literal["linear", "mlp", "cnn", "full"]
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

    def cannot_say(self, confidence: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(n,) True where the calibrated confidence in [0, 1] is too low to answer."""
        if self.threshold is None:
            return np.ones(len(confidence), bool)
        return confidence < self.threshold
