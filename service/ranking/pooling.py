"""Several families of class probabilities -> one calibrated estimate of P(given label | sample).

The given labels are the ground truth of the *noisy* posterior, so calibrating and weighting
families by the likelihood of the given labels is legitimate and needs no clean label. What comes
out still contains the noise; `noise.py` takes it out.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

Floats = NDArray[np.float64]
Rows = slice | NDArray[np.intp]

FLOOR = 1e-4  # trees and votes give exact zeros; one must not veto all other families
FIT_ROWS = 20_000  # a handful of weights needs no more, and the fit stays independent of N
BIAS_PENALTY = 3e-2  # class frequencies are mostly right; large biases fit the noise
WEIGHT_PENALTY = 1e-3


@dataclass(frozen=True)
class Pool:
    """A log-linear pool `p(k) ∝ exp(bias_k) * prod_f p_f(k) ** weight_f` of one dataset.

    Attributes
    ----------
    families : dict of (N, C) float
        Out-of-sample probabilities by family name; rows may be NaN. May be memory-mapped.
    weights : dict of float, >= 0
        0 = the family adds nothing once the others are known.
    bias : (C,) float
    """

    families: Mapping[str, NDArray[np.floating]]
    weights: dict[str, float]
    bias: Floats

    def __call__(self, rows: Rows) -> Floats:
        """Pooled probabilities of those rows, (n, C), each row summing to 1."""
        logits = self.bias.copy()[None, :]
        for name, probabilities in self.families.items():
            logits = logits + self.weights[name] * log_probabilities(probabilities[rows])
        result: Floats = np.exp(log_softmax(logits, axis=1))
        return result


def log_probabilities(probabilities: NDArray[np.floating]) -> Floats:
    """Floored natural logarithm of (n, C) rows; a row of NaN becomes the uniform distribution."""
    known = np.nan_to_num(probabilities.astype(np.float64), nan=1.0 / probabilities.shape[1])
    known = np.maximum(known, FLOOR)
    result: Floats = np.log(known / known.sum(axis=1, keepdims=True))
    return result


def fit_pool(
    families: Mapping[str, NDArray[np.floating]], labels: NDArray[np.integer], *, seed: int
) -> Pool:
    """Fit weights and class biases by maximum likelihood of the given labels.

    One family alone is thereby calibrated: its weight is an inverse temperature (Guo et al., ICML
    2017) and its biases are those of vector scaling. Weights are kept non-negative, so a family
    cannot be believed in reverse. Both are lightly penalised towards the plain mean of logarithms.

    Parameters
    ----------
    families : mapping of (N, C) float
    labels : (N,) int
    seed : int
        Draws the rows to fit on where N is above 20,000; below that the fit uses every row.
    """
    names = list(families)
    rows = _fit_rows(len(labels), seed)
    stacked = np.stack([log_probabilities(families[name][rows]) for name in names])  # (F, n, C)
    targets = labels[rows]
    n_families, n, n_classes = stacked.shape
    start = np.full(n_families, 1.0 / n_families)
    one_hot = np.zeros((n, n_classes))
    one_hot[np.arange(n), targets] = 1.0

    def objective(parameters: Floats) -> tuple[float, Floats]:
        weights, bias = parameters[:n_families], parameters[n_families:]
        log_p = log_softmax(np.tensordot(weights, stacked, axes=1) + bias, axis=1)
        loss = -log_p[np.arange(n), targets].mean()
        loss += WEIGHT_PENALTY * ((weights - start) ** 2).sum() + BIAS_PENALTY * (bias**2).sum()
        residual = (np.exp(log_p) - one_hot) / n
        by_weight = np.tensordot(stacked, residual, axes=([1, 2], [0, 1]))
        by_weight += 2 * WEIGHT_PENALTY * (weights - start)
        by_bias = residual.sum(axis=0) + 2 * BIAS_PENALTY * bias
        return float(loss), np.concatenate([by_weight, by_bias])

    bounds = [(0.0, None)] * n_families + [(None, None)] * n_classes
    first = np.concatenate([start, np.zeros(n_classes)])
    fitted = minimize(objective, first, jac=True, method="L-BFGS-B", bounds=bounds).x
    weights = dict(zip(names, fitted[:n_families].tolist(), strict=True))
    return Pool(families=families, weights=weights, bias=fitted[n_families:])


def _fit_rows(n: int, seed: int) -> Rows:
    if n <= FIT_ROWS:
        return slice(None)
    drawn = np.random.default_rng(seed).choice(n, FIT_ROWS, replace=False)
    return np.sort(drawn)
