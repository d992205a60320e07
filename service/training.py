"""What an audit may be asked to train: every objective and its options, checked without torch.

`worker/objectives` implements exactly the names declared here; the API validates against this file
alone and shows it to people as the menu of methods.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.errors import BadInput

OptionValue = float | int | bool | str
Origin = Literal["paper", "authors' code", "ours"]


@dataclass(frozen=True)
class Option:
    """One dial of an objective. `origin` says whose default it is."""

    name: str
    default: OptionValue
    meaning: str
    origin: Origin
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()

    def check(self, value: Any) -> OptionValue:
        """The value in the default's type.

        Raises
        ------
        ValueError
            Wrong type, out of range, or not one of the choices.
        """
        if isinstance(self.default, bool):
            if not isinstance(value, bool):
                raise ValueError(f"{self.name} must be true or false, not {value!r}")
            return value
        if isinstance(self.default, str):
            if value not in self.choices:
                raise ValueError(f"{self.name} must be one of {', '.join(self.choices)}")
            return str(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"{self.name} must be a number, not {value!r}")
        if not self.low <= value <= self.high:
            raise ValueError(f"{self.name} must lie in [{self.low:g}, {self.high:g}], not {value}")
        if isinstance(self.default, int) and value != int(value):
            raise ValueError(f"{self.name} must be a whole number, not {value}")
        return type(self.default)(value)


@dataclass(frozen=True)
class ObjectiveSpec:
    """A training objective as people see it."""

    name: str
    title: str
    paper: str
    use_when: str
    options: tuple[Option, ...] = field(default=())

    def defaults(self) -> dict[str, OptionValue]:
        return {option.name: option.default for option in self.options}


_SPECS = (
    ObjectiveSpec(
        name="cross_entropy",
        title="Cross entropy",
        paper="the maximum-likelihood baseline",
        use_when="Noise is low, or calibrated probabilities matter more than robustness.",
    ),
    ObjectiveSpec(
        name="gce",
        title="Generalized cross entropy",
        paper="Zhang and Sabuncu, NeurIPS 2018, https://arxiv.org/abs/1805.07836",
        use_when="The default: resists memorising wrong labels at little cost to the fit.",
        options=(
            Option("q", 0.7, "0 is cross entropy, 1 is half the mean absolute error",
                   "paper", 0.0, 1.0),
            Option("warm_up", 0.0, "share of the epochs over which q rises from 0; 0 is the paper",
                   "ours", 0.0, 1.0),
        ),
    ),
    ObjectiveSpec(
        name="mae",
        title="Mean absolute error",
        paper="Ghosh, Kumar and Sastry, AAAI 2017, https://arxiv.org/abs/1712.09482",
        use_when="Much uniform noise and few classes; it fits slowly, so allow more epochs.",
        options=(
            Option("warm_up", 0.1, "share of the epochs that train with cross entropy first",
                   "ours", 0.0, 1.0),
        ),
    ),
    ObjectiveSpec(
        name="sce",
        title="Symmetric cross entropy",
        paper="Wang et al., ICCV 2019, https://arxiv.org/abs/1908.06112",
        use_when="Noise with hard classes that plain robust losses under-fit.",
        options=(
            Option("alpha", 0.1, "weight of cross entropy", "paper", 0.0, 100.0),
            Option("beta", 1.0, "weight of reverse cross entropy", "paper", 0.0, 100.0),
            Option("log_zero", -4.0, "what log 0 is read as in reverse cross entropy",
                   "paper", -20.0, 0.0),
        ),
    ),
    ObjectiveSpec(
        name="elr",
        title="Early-learning regularization",
        paper="Liu et al., NeurIPS 2020, https://arxiv.org/abs/2007.00151",
        use_when="Long training of flexible networks, which would memorise noise late.",
        options=(
            Option("weight", 3.0, "weight (lambda) of the regulariser",
                   "authors' code", 0.0, 100.0),
            Option("momentum", 0.7, "how slowly (beta) a sample's target follows its predictions",
                   "authors' code", 0.0, 1.0),
        ),
    ),
)  # fmt: skip

OBJECTIVES: dict[str, ObjectiveSpec] = {spec.name: spec for spec in _SPECS}
NETWORKS = ("auto", "linear", "mlp", "cnn")
FAMILIES = ("network", "neighbours", "logistic", "trees")


def resolve_options(objective: str, options: Mapping[str, Any]) -> dict[str, OptionValue]:
    """The objective's defaults with the given options laid over them.

    Raises
    ------
    BadInput
        An unknown objective, an unknown option, or a value outside its range; each named.
    """
    spec = OBJECTIVES.get(objective)
    if spec is None:
        raise BadInput(f"Unknown objective {objective!r}. Choose one of: {', '.join(OBJECTIVES)}.")
    known = {option.name: option for option in spec.options}
    unknown = sorted(set(options) - set(known))
    if unknown:
        allowed = ", ".join(known) or "none"
        raise BadInput(f"{objective} has no option {', '.join(unknown)}. Its options: {allowed}.")
    try:
        return spec.defaults() | {name: known[name].check(v) for name, v in options.items()}
    except ValueError as error:
        raise BadInput(f"{objective}: {error}.") from error


class TrainingConfig(BaseModel):
    """How an audit trains. Every field has a default that suits an unknown dataset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    objective: str = Field("gce", description=f"One of: {', '.join(OBJECTIVES)}.")
    objective_options: dict[str, OptionValue] = Field(
        default_factory=dict, description="Dials of the objective; its defaults where left out."
    )
    network: Literal["auto", "linear", "mlp", "cnn"] = Field(
        "auto", description="auto: mlp on vectors, cnn on images that have no encoder."
    )
    replicas: int = Field(8, ge=1, le=256, description="Bootstrap models of the audit.")
    replicas_per_shard: int = Field(
        8, ge=1, le=64, description="Replicas that one task trains together as one wide network."
    )
    epochs: int | None = Field(
        None, ge=1, le=1000, description="null: enough passes for the size of the dataset."
    )
    hidden: int = Field(128, ge=1, le=4096, description="Hidden units of each mlp replica.")
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
