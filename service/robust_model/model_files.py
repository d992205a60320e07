"""The robust model of an audit: its files, what they say, and its head in plain numpy.

`audits/{id}/model/` holds `model.safetensors` (weights), `model.json` (everything else that a
prediction needs) and, but for fine-tuned encoders, `model.onnx` (standardisation, network,
temperature and softmax in one graph).
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from sqlalchemy.orm import Session

from service import audits
from service.errors import NotFound, NotReady
from service.models import JobStatus, Kind, Step, StepKind, StepState
from service.robust_model.model_description import ModelDescription
from service.running import steps
from service.store.storage import Storage

Floats = NDArray[np.float32]
Array = NDArray[Any]
Arrays = dict[str, Array]  # by name; float32 but for what a fine-tuned encoder counts

DESCRIPTION = "model.json"
WEIGHTS = "model.safetensors"
ONNX = "model.onnx"
STATUS = {
    StepState.ready: JobStatus.queued,
    StepState.running: JobStatus.running,
    StepState.done: JobStatus.completed,
    StepState.failed: JobStatus.failed,
    StepState.cancelled: JobStatus.cancelled,
}
TOP = 10  # classes in an answer


def folder(audit_id: str) -> str:
    return f"{audits.folder(audit_id)}/model"


def file_key(audit_id: str, name: str) -> str:
    return f"{folder(audit_id)}/{name}"


def file_names(network: str) -> tuple[str, ...]:
    """The files of a model, by its own network or its audit's."""
    return (DESCRIPTION, WEIGHTS) if network == "full" else (DESCRIPTION, WEIGHTS, ONNX)


def want_model(session: Session, audit_id: str) -> None:
    """Have the model trained; the audit itself is completed without it."""
    steps.enqueue(session, subject_id=audit_id, kind=StepKind.model, queue="gpu")


def get_step(session: Session, audit_id: str) -> Step:
    """The step that trains an audit's model. Raises NotFound, or NotReady before the ranking."""
    audit = audits.get_completed_audit(session, audit_id)
    step = session.get(Step, (audit_id, StepKind.model, 0))
    if step is None:
        dataset = audits.dataset_of(session, audit)
        if dataset.kind is Kind.probabilities:
            reason = "it ranked the probabilities that were uploaded."
        else:
            reason = "it is older than models are. Audit the dataset again."
        raise NotFound(f"This audit has no model: {reason}", type="no-model")
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


def read_weights(folder: Path) -> Arrays:
    return load_file(folder / WEIGHTS)


def write_weights(weights: Arrays, folder: Path) -> None:
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
