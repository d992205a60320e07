"""Whether undoing a noise matrix can be trusted to order the samples of a single model.

Undoing the matrix wins up to .3 of average precision where classes are systematically given as few
other ones, and loses up to .4 where the confusion is the model's own. With one model there is no
second opinion to tell the two apart, so three things are asked of it: that the noise has a
direction, that the surest samples have their share of it, and that each class is the most frequent
label of the samples most surely predicted to be it. Constants: docs/lab/detection.md.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from service.ranking.matrix_shrinkage import anchor_labels
from service.ranking.rate import TOO_NOISY, RateClues

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

UNDIRECTED, DIRECTED = 0.10, 0.20  # of the entropy of even directions, what is missing
UNEVEN, EVEN = 0.20, 0.35  # error of the surest fifth / error of all
FEW_LOST, MANY_LOST = 0.10, 0.30  # share of samples predicted to be a class that lost its anchors


def foundation(
    matrix: Floats,
    clues: RateClues,
    confidence: NDArray[np.floating],
    predicted: Integers,
    labels: NDArray[np.integer],
) -> float:
    """From 0, the order of the bare probabilities is the safer one, to 1, the inverted one is.

    Parameters
    ----------
    matrix : (C, C) float, the noise matrix as it is undone, rows = true class
    clues : RateClues
    confidence, predicted : (N,) largest calibrated probability and its class
    labels : (N,) given labels
    """
    evenness = clues.error_fifth / max(clues.error, 1e-9)
    lost = _lost(confidence, predicted, labels, len(matrix))
    if clues.joint > TOO_NOISY:  # then other labels do outnumber the true one
        lost = 0.0
    return (
        _between(_direction(matrix), UNDIRECTED, DIRECTED)
        * _between(evenness, UNEVEN, EVEN)
        * (1.0 - _between(lost, FEW_LOST, MANY_LOST))
    )


def _between(value: float, low: float, high: float) -> float:
    """0 up to `low`, 1 from `high` on, a line between."""
    return float(np.clip((value - low) / (high - low), 0.0, 1.0))


def _direction(matrix: Floats) -> float:
    """0 = noise goes to all other classes alike, 1 = to one; mean over the true classes."""
    others = len(matrix) - 1
    if others < 2:
        return 0.0
    noise = matrix * (1.0 - np.eye(len(matrix)))
    rates = noise.sum(axis=1, keepdims=True)
    shares = np.where(rates > 0, noise / np.maximum(rates, 1e-300), 1.0 / others)
    return float(1.0 - (entr(shares).sum(axis=1) / np.log(others)).mean())


def _lost(
    confidence: NDArray[np.floating],
    predicted: Integers,
    labels: NDArray[np.integer],
    n_classes: int,
) -> float:
    """Share of samples predicted to be a class whose surest ones have another label more often."""
    counts = anchor_labels(confidence, predicted, labels, n_classes)
    sizes = np.bincount(predicted, minlength=n_classes)
    return float(sizes[np.diag(counts) < counts.max(axis=1)].sum() / max(1, sizes.sum()))
