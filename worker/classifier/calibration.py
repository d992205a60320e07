"""From held-out logits: a temperature, a threshold below which the model cannot say, and how
accurate it is, measured on other samples than those the two were chosen by."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from scipy.stats import beta

from labelaudit.schemas.model_description import Answered, Measured
from service.inference.head import softmax

Floats = NDArray[np.float64]

TARGET_ACCURACY = 0.95
CONFIDENCE = 0.95
COLDEST, HOTTEST = 0.05, 20.0


@dataclass(frozen=True)
class Calibration:
    """How logits become answers, and what these are worth."""

    temperature: float
    threshold: float | None  # None where no confidence reaches the target
    held_out: Measured
    answered: Answered


def calibrate(
    logits: Floats, targets: NDArray[np.int64], judged: Floats, *, seed: int
) -> Calibration:
    """Choose on one random half of the judged samples, measure on the other.

    logits (N, C) of replicas that did not train on the sample, targets (N,) cleaned labels, judged
    (N,) weights in [0, 1]; weight 0 takes no part.
    """
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(judged > 0))
    choosing, measuring = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    temperature = fit_temperature(logits[choosing], targets[choosing], judged[choosing])
    probabilities = softmax(logits, temperature)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == targets
    threshold = choose_threshold(confidence[choosing], right[choosing], judged[choosing])
    kept = measuring[confidence[measuring] >= (np.inf if threshold is None else threshold)]
    return Calibration(
        temperature,
        threshold,
        Measured(**_measured(right[measuring], judged[measuring])),
        Answered(
            **_measured(right[kept], judged[kept]),
            share=round(len(kept) / max(1, len(measuring)), 6),
        ),
    )


def fit_temperature(logits: Floats, targets: NDArray[np.int64], weights: Floats) -> float:
    """The temperature in [0.05, 20] with the least weighted negative log likelihood.

    Guo et al.: On Calibration of Modern Neural Networks, https://arxiv.org/abs/1706.04599
    """
    if len(targets) == 0:
        return 1.0

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        of_target = scaled[np.arange(len(targets)), targets]
        return float(weights @ (logsumexp(scaled, axis=1) - of_target))

    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def choose_threshold(confidence: Floats, right: NDArray[np.bool_], weights: Floats) -> float | None:
    """The lowest confidence from which on the weighted accuracy reaches the target, 0 if all of the
    samples together reach it, None if no number of them does."""
    order = np.argsort(-confidence, kind="stable")
    total = np.cumsum(weights[order])
    accuracy = np.cumsum(weights[order] * right[order]) / total
    sorted_confidence = confidence[order]
    # Equal confidences are kept together or not at all: only the last of them may be the lowest.
    last = np.append(sorted_confidence[:-1] > sorted_confidence[1:], True)[: len(order)]
    reached = np.flatnonzero((accuracy >= TARGET_ACCURACY) & last)
    if len(reached) == 0:
        return None
    return 0.0 if reached[-1] == len(order) - 1 else float(sorted_confidence[reached[-1]])


def lower_bound(right: float, total: float) -> float:
    """One-sided 95 % Clopper-Pearson bound of a share; weights may make the counts fractions."""
    if right <= 0:
        return 0.0
    return float(beta.ppf(1 - CONFIDENCE, right, total - right + 1))


def _measured(right: NDArray[np.bool_], weights: Floats) -> dict[str, float | int | None]:
    total, correct = float(weights.sum()), float(weights @ right)
    known = total > 0
    return {
        "samples": len(right),
        "weight": round(total, 3),
        "accuracy": round(correct / total, 6) if known else None,
        "accuracy_low": round(lower_bound(correct, total), 6) if known else None,
    }
