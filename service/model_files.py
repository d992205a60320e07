"""The robust model of an audit: its files, what they say, and its head in plain numpy.

`audits/{id}/model/` holds `model.safetensors` (weights), `model.json` (everything else that a
prediction needs) and `model.onnx` (standardisation, network, temperature and softmax in one graph).
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from safetensors.numpy import load_file, save_file
from sqlalchemy.orm import Session

from service import audits, steps
from service.errors import NotFound, NotReady
from service.models import JobStatus, Kind, Step, StepKind, StepState
from service.storage import Storage
from service.tabular import TableColumns

Floats = NDArray[np.float32]

SCHEMA_VERSION = 1
DESCRIPTION = "model.json"
WEIGHTS = "model.safetensors"
ONNX = "model.onnx"
FILES = (DESCRIPTION, WEIGHTS, ONNX)
STATUS = {
    StepState.ready: JobStatus.queued,
    StepState.running: JobStatus.running,
    StepState.done: JobStatus.completed,
    StepState.failed: JobStatus.failed,
    StepState.cancelled: JobStatus.cancelled,
}
TOP = 10  # classes in an answer


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
    network: Literal["linear", "mlp", "cnn"]
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


def folder(audit_id: str) -> str:
    return f"{audits.folder(audit_id)}/model"


def file_key(audit_id: str, name: str) -> str:
    return f"{folder(audit_id)}/{name}"


def want_model(session: Session, audit_id: str) -> None:
    """Have the model trained; the audit itself is completed without it."""
    steps.enqueue(session, subject_id=audit_id, kind=StepKind.model, queue="gpu")


def get_step(session: Session, audit_id: str) -> Step:
    """The step that trains an audit's model. Raises NotFound, or NotReady before the ranking."""
    audit = audits.get_completed_audit(session, audit_id)
    step = session.get(Step, (audit_id, StepKind.model, 0))
    if step is None:
        dataset = audits.dataset_of(session, audit)
        raise NotFound(
            "This audit has no model: it ranked the probabilities that were uploaded."
            if dataset.kind is Kind.probabilities
            else "This audit has no model, it is older than models are. Audit the dataset again.",
            type="no-model",
        )
    return step


def require_model(session: Session, audit_id: str) -> None:
    """Raises NotReady unless the model's files are there, NotFound if they never will be."""
    step = get_step(session, audit_id)
    if step.state is StepState.failed:
        reason = (step.problem or {}).get("detail", "no reason is known")
        raise NotFound(f"Training the model failed: {reason}", type="no-model")
    if step.state is not StepState.done:
        raise NotReady("The model is still being trained; ask again when it is `completed`.")


def read_description(storage: Storage, audit_id: str) -> ModelDescription:
    path = storage.path(file_key(audit_id, DESCRIPTION))
    return ModelDescription.model_validate_json(path.read_bytes())


def read_weights(folder: Path) -> dict[str, Floats]:
    return load_file(folder / WEIGHTS)


def write_weights(weights: dict[str, Floats], folder: Path) -> None:
    save_file(weights, folder / WEIGHTS)


def head_logits(weights: dict[str, Floats], vectors: Floats) -> NDArray[np.float64]:
    """Logits (n, C) of vectors (n, D), for the networks `linear` and `mlp`."""
    hidden = (vectors - weights["input.mean"]) * weights["input.factor"]
    if "hidden.weight" in weights:
        hidden = np.maximum(hidden @ weights["hidden.weight"] + weights["hidden.bias"], 0.0)
    logits = hidden @ weights["output.weight"] + weights["output.bias"]
    return logits.astype(np.float64)


def softmax(logits: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """(n, C) probabilities of logits over a temperature; rows sum to 1."""
    scaled = logits / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def answers(model: ModelDescription, logits: NDArray[np.float64]) -> list[dict[str, Any]]:
    """One object a row: label, calibrated confidence, `cannot_say`, and the likeliest classes."""
    probabilities = softmax(logits, model.temperature)
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP]  # (n, TOP), best first
    confidence = probabilities.max(axis=1)
    return [
        {
            "label": model.class_names[order[row, 0]],
            "confidence": round(float(confidence[row]), 6),
            "cannot_say": bool(unsure),
            "top": [
                {
                    "label": model.class_names[place],
                    "probability": round(float(probabilities[row, place]), 6),
                }
                for place in order[row]
            ],
        }
        for row, unsure in enumerate(model.cannot_say(confidence))
    ]
