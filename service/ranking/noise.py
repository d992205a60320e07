"""Noise matrices `T[i, j] = P(given j | true i)` without clean labels, and how to undo them."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Reals = NDArray[np.floating]  # float64, or float32 where speed counts
Integers = NDArray[np.integer]

ANCHOR_SHARES = (0.05, 0.10, 0.20)
ANCHOR_MINIMUM = 50  # fewer anchors than this show more chance than noise
BLOCK_VALUES = 4_000_000  # a block of rows holds at most so many probabilities
TINY = 1e-12
LOG_FLOOR = 1e-4


def blocks(n: int, width: int) -> Iterator[slice]:
    """Slices that cover range(n), each of at most BLOCK_VALUES / width rows."""
    step = max(1, BLOCK_VALUES // max(1, width))
    return (slice(start, min(n, start + step)) for start in range(0, n, step))


def anchor_noise_matrix(
    pooled: Callable[[slice], Floats], n: int, n_classes: int, *, strength: float = ANCHOR_MINIMUM
) -> Floats:
    """Noise matrix from the most confident predictions (Patrini et al., CVPR 2017, robustified).

    Row i is the geometric mean of the probability vectors of the top 5, 10 and 20 % most confident
    samples *predicted* i (at least 50), averaged over the three shares. Confident samples are taken
    for members of their class, so what probability they give elsewhere is noise; the geometric mean
    keeps a few ambiguous anchors from inventing a confusion. Under-estimates noise that sits on
    ambiguous samples. Rows are shrunk towards uniform noise at the pooled rate with the weight of
    `strength` samples, so a class with few predictions borrows from the others.

    Parameters
    ----------
    pooled : slice -> (n, C) calibrated probabilities
    n, n_classes : int

    Returns
    -------
    (C, C) float, rows sum to 1.
    """
    confidence, predicted = tops(pooled, n, n_classes)
    counts = np.bincount(predicted, minlength=n_classes)
    thresholds = np.full((len(ANCHOR_SHARES), n_classes), np.inf)
    for k in np.flatnonzero(counts):
        descending = -np.sort(-confidence[predicted == k])
        for row, share in enumerate(ANCHOR_SHARES):
            size = min(len(descending), max(ANCHOR_MINIMUM, round(share * len(descending))))
            thresholds[row, k] = descending[size - 1]
    sums = np.zeros((len(ANCHOR_SHARES), n_classes, n_classes))
    taken = np.zeros((len(ANCHOR_SHARES), n_classes))
    for block in blocks(n, n_classes):
        logs = np.log(pooled(block) + LOG_FLOOR)
        for level in range(len(ANCHOR_SHARES)):
            chosen = confidence[block] >= thresholds[level, predicted[block]]
            np.add.at(sums[level], predicted[block][chosen], logs[chosen])
            np.add.at(taken[level], predicted[block][chosen], 1.0)
    rows = np.exp(sums / np.maximum(taken, 1.0)[:, :, None])
    rows = np.where(taken[:, :, None] > 0, rows, np.eye(n_classes))
    rows /= rows.sum(axis=2, keepdims=True)
    return _shrunk(rows.mean(axis=0), counts.astype(np.float64), strength)


def confident_joint_noise_matrix(
    pooled: Callable[[slice], Floats], labels: Integers, n_classes: int
) -> Floats:
    """Noise matrix from the confident joint (Northcutt et al., JAIR 2021).

    A sample counts for true class i when `p_i` reaches the mean of `p_i` over samples given i, the
    largest such class winning. Tends to over-estimate noise.

    Returns
    -------
    (C, C) float, rows sum to 1; the row of a class nobody is counted for is the identity's.
    """
    sums, counts = np.zeros(n_classes), np.bincount(labels, minlength=n_classes).astype(float)
    for block in blocks(len(labels), n_classes):
        rows = pooled(block)
        np.add.at(sums, labels[block], rows[np.arange(len(rows)), labels[block]])
    thresholds = np.where(counts > 0, sums / np.maximum(counts, 1.0), np.inf)
    joint = np.zeros((n_classes, n_classes))
    for block in blocks(len(labels), n_classes):
        rows = pooled(block)
        above = np.where(rows >= thresholds - TINY, rows, -np.inf)
        confident = np.isfinite(above).any(axis=1)
        np.add.at(joint, (above.argmax(axis=1)[confident], labels[block][confident]), 1.0)
    # given-label counts are known exactly: calibrate columns to them before normalising rows
    columns = joint.sum(axis=0)
    joint = joint * np.where(columns > 0, counts / np.maximum(columns, 1.0), 0.0)
    return _shrunk(joint, joint.sum(axis=1), strength=1.0)


def em_noise_matrix(
    probabilities: Floats, labels: Integers, *, iterations: int = 50, prior: float = 1.0
) -> Floats:
    """Maximum-likelihood noise matrix for class probabilities that are held fixed.

    EM on `sum_n log sum_k p_nk T[k, y_n]` with a Dirichlet prior of `prior` counts on the diagonal.
    How far the given labels stray from `probabilities`; with a posterior that already contains
    the noise it stays near the identity, with a noise-robust one it tends to over-estimate.

    Parameters
    ----------
    probabilities : (n, C) float, rows sum to 1
    labels : (n,) int

    Returns
    -------
    (C, C) float, rows sum to 1.
    """
    n_classes = probabilities.shape[1]
    matrix = np.full((n_classes, n_classes), 0.1 / n_classes) + 0.9 * np.eye(n_classes)
    for _ in range(iterations):
        joint = probabilities * matrix[:, labels].T  # (n, C)
        joint /= np.maximum(joint.sum(axis=1, keepdims=True), TINY)
        counts = np.zeros((n_classes, n_classes))
        np.add.at(counts.T, labels, joint)
        counts += prior * np.eye(n_classes)
        matrix = counts / np.maximum(counts.sum(axis=1, keepdims=True), TINY)
    return matrix


def clean_posterior(noisy: Reals, matrix: Floats, *, iterations: int = 40) -> Reals:
    """Undo a noise matrix: q with `q @ T ≈ noisy` (Richardson-Lucy / EM deconvolution).

    `q <- q * ((noisy / (q T)) T')`, renormalised; stays a distribution where a matrix inverse
    would not. Computes in the precision of `noisy`.

    Parameters
    ----------
    noisy : (n, C) float, P(given = j | x)
    matrix : (C, C) float, rows = true class

    Returns
    -------
    (n, C) float, P(true = k | x).
    """
    forth = matrix.astype(noisy.dtype)
    back = np.ascontiguousarray(forth.T)
    clean = noisy.copy()
    for _ in range(iterations):
        clean *= (noisy / np.maximum(clean @ forth, TINY)) @ back
        clean /= np.maximum(clean.sum(axis=1, keepdims=True), TINY)
    return clean


def true_class_posterior(clean: Reals, matrix: Floats, labels: Integers) -> Floats:
    """P(true = k | x, given label), (n, C): `q_k T[k, y] / sum_m q_m T[m, y]`.

    `1 - result[label]` is P(given label wrong); high = bad.
    """
    joint = clean * matrix[:, labels].T
    result: Floats = joint / np.maximum(joint.sum(axis=1, keepdims=True), TINY)
    return result


def tops(
    pooled: Callable[[slice], Floats], n: int, n_classes: int
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Largest probability (N,) and its class (N,) of every sample."""
    confidence = np.zeros(n, dtype=np.float32)
    predicted = np.zeros(n, dtype=np.intp)
    for block in blocks(n, n_classes):
        rows = pooled(block)
        predicted[block] = rows.argmax(axis=1)
        confidence[block] = rows.max(axis=1)
    return confidence, predicted


def _shrunk(rows: Floats, counts: Floats, strength: float) -> Floats:
    """Row-normalise (C, C); pull rows with few samples towards uniform noise at the common rate."""
    n_classes = len(rows)
    totals = rows.sum(axis=1, keepdims=True)
    rows = np.where(totals > 0, rows / np.maximum(totals, TINY), np.eye(n_classes))
    diagonal = np.diag(rows)
    rate = float(1.0 - (counts * diagonal).sum() / max(counts.sum(), TINY)) if counts.sum() else 0.0
    off = rate / max(1, n_classes - 1)
    uniform = np.full((n_classes, n_classes), off) + (1.0 - rate - off) * np.eye(n_classes)
    share = (strength / (strength + counts))[:, None]
    result: Floats = share * uniform + (1.0 - share) * rows
    return result
