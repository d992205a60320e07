"""What an audit may be asked to train, checked without torch."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.core.errors import BadInput
from service.options.objectives.option import OptionValue
from service.options.objectives.registry import OBJECTIVES, resolve_options

NETWORKS = ("auto", "linear", "mlp", "cnn", "fine_tuned")
FAMILIES = ("network", "neighbours", "logistic", "trees")


class TrainingConfig(BaseModel):
    """How an audit trains. Every field has a default that suits an unknown dataset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    objective: str = Field("gce", description=f"One of: {', '.join(OBJECTIVES)}.")
    objective_options: dict[str, OptionValue] = Field(
        default_factory=dict, description="Options of the objective; defaults where omitted."
    )
    network: Literal["auto", "linear", "mlp", "cnn", "fine_tuned"] = Field(
        "auto",
        description="auto: mlp on vectors, cnn on images that have no encoder. fine_tuned: "
        "train the encoder of images or texts itself; slow without a GPU.",
    )
    replicas: int | None = Field(
        None,
        ge=1,
        le=256,
        description="Bootstrap models. null: 16, 8 above 10,000 samples, 4 for fine_tuned.",
    )
    replicas_per_shard: int = Field(
        8, ge=1, le=64, description="Replicas that one task trains together as one wide network."
    )
    epochs: int | None = Field(
        None, ge=1, le=1000, description="null: enough passes for the size of the dataset."
    )
    hidden: int | None = Field(
        None,
        ge=1,
        le=4096,
        description="Hidden units of each mlp replica. null: 128.",
    )
    learning_rate: float = Field(
        2e-3, gt=0, le=1, description="AdamW's peak rate at batch 256; scaled by sqrt(batch / 256)."
    )
    weight_decay: float = Field(1e-2, ge=0, le=10)
    batch_size: int | None = Field(
        None, ge=2, le=65536, description="null: chosen so that an epoch has enough steps."
    )
    families: tuple[Literal["network", "neighbours", "logistic", "trees"], ...] | None = Field(
        None, description="Model families to run. null: those that suit the data."
    )
    seed: int = Field(0, ge=0, lt=2**31)

    @model_validator(mode="after")
    def _check_objective(self) -> "TrainingConfig":
        try:
            resolve_options(self.objective, self.objective_options)
        except BadInput as error:
            raise ValueError(error.detail) from error
        return self
