"""The head of a classifier in plain numpy: its files, and what it says of vectors."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from labelaudit.schemas.model_description import ModelDescription

Floats = NDArray[np.float32]
Array = NDArray[Any]
Arrays = dict[str, Array]  # by name; float32 but for what a fine-tuned encoder counts

DESCRIPTION = "model.json"
WEIGHTS = "model.safetensors"
ONNX = "model.onnx"
BACKBONE = "backbone."  # before the names of a fine-tuned encoder's own weights
TOP = 10  # classes in an answer


def file_names(network: str) -> tuple[str, ...]:
    """The files of a model, by its own network or its audit's."""
    return (DESCRIPTION, WEIGHTS) if network == "fine_tuned" else (DESCRIPTION, WEIGHTS, ONNX)


def read_weights(folder: Path) -> Arrays:
    """The weights by name. Files of the first schema call the backbone `trunk`."""
    weights = load_file(folder / WEIGHTS)
    return {re.sub(r"^trunk\.", BACKBONE, name): array for name, array in weights.items()}


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
        for row, unsure in enumerate(cannot_say(model, confidence))
    ]


def cannot_say(model: ModelDescription, confidence: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n,) True where the calibrated confidence in [0, 1] is too low to answer."""
    if model.threshold is None:
        return np.ones(len(confidence), bool)
    return confidence < model.threshold
