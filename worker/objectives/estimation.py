"""Noise matrices estimated from a training network's predictions of its own samples."""

import numpy as np
from numpy.typing import NDArray

from service.ranking.noise import (
    anchor_noise_matrix,
    clean_posterior,
    confident_joint_noise_matrix,
    em_noise_matrix,
)
from service.ranking.pooling import fit_pool

_EM_ROWS = 50_000


def estimate(
    source: str, probabilities: NDArray[np.float32], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """T[i, j] = P(given = j | true = i) from warm-up probabilities, rows summing to 1.

    The probabilities are first calibrated on the given labels. `anchors` and `confident_joint` are
    the estimators of `service/ranking/noise.py`; `em` takes the anchors' noise out of the
    probabilities and fits T to the given labels by maximum likelihood.

    Parameters
    ----------
    source : "anchors", "confident_joint" or "em"
    probabilities : (N, C), rows summing to 1
    labels : (N,) given labels
    """
    n_samples, n_classes = probabilities.shape
    pool = fit_pool({"warm_up": probabilities}, labels, seed=0)
    if source == "confident_joint":
        return confident_joint_noise_matrix(pool, labels, n_classes)
    anchors = anchor_noise_matrix(pool, n_samples, n_classes)
    if source == "anchors":
        return anchors
    rows = np.arange(n_samples)
    if n_samples > _EM_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(n_samples, _EM_ROWS, replace=False))
    clean = clean_posterior(pool(rows), anchors).astype(np.float64)
    return em_noise_matrix(clean, labels[rows])


def true_prior(matrix: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """P(true = k), (C,): the distribution that T turns into the given labels' frequencies."""
    given = np.bincount(labels, minlength=len(matrix)) / max(1, len(labels))
    prior: NDArray[np.float64] = clean_posterior(given[None, :], matrix, iterations=200)[0]
    return prior
