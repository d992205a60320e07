"""Shrinks an estimated noise matrix towards a simpler one as far as the data do not support it.

Natural confusion and hard classes look like noise to the models. So a class has a noise rate of its
own, or one class it is mistaken for, only as far as the labels of confident samples show it;
else it has the common rate, spread evenly over the other classes.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import gammaln

Floats = NDArray[np.float64]

ANCHOR_SHARE = 0.20  # labels of the most confident fifth of each predicted class are counted
PEAK, SLOPE = 0.05, 0.40  # a rate that rises between these shares is doubt, not noise
EVEN, UNEVEN = 0.5, 0.3  # common rate / error: above = noise everywhere, below = on hard samples
MINOR = 0.1  # shares of a class's noise well below this are natural confusion
LARGEST_STRENGTH = 1e4
FEWEST = 5  # samples of a class below which it is not judged by itself


def shrink_noise_matrix(
    anchors: Floats,
    confidence: NDArray[np.floating],
    predicted: NDArray[np.intp],
    labels: NDArray[np.integer],
) -> Floats:
    """The anchor noise matrix as far as it can be believed, (C, C), rows = true class.

    Rates: those of classes are kept where they differ by more than the doubt within each, which is
    how far its rate rises from its most confident 5 to 40 %; else all classes get the common rate.
    Directions: the shares of the other classes are mixed with even ones by empirical Bayes, a
    Dirichlet-multinomial fitted to the given labels of confident samples.

    Parameters
    ----------
    anchors : (C, C) float, rows sum to 1
    confidence, predicted : (N,) largest pooled probability and its class
    labels : (N,) given labels
    """
    n_classes = len(anchors)
    if n_classes < 2:
        return anchors
    ranked = list(_most_confident_first(confidence, predicted, n_classes))
    sizes = np.array([len(rows) for rows in ranked], dtype=np.float64)
    error = float((predicted != labels).mean())
    rates = _rates(1.0 - np.diag(anchors), sizes, _doubt(confidence, ranked), error)
    counts = _anchor_labels(ranked, labels, n_classes)
    np.fill_diagonal(counts, 0.0)
    result: Floats = _directions(anchors, counts) * rates[:, None] + np.diag(1.0 - rates)
    return result


def anchor_labels(
    confidence: NDArray[np.floating],
    predicted: NDArray[np.intp],
    labels: NDArray[np.integer],
    n_classes: int,
) -> Floats:
    """(C, C) how often the surest fifth of each predicted class (row) has each given label."""
    ranked = list(_most_confident_first(confidence, predicted, n_classes))
    return _anchor_labels(ranked, labels, n_classes)


def _most_confident_first(
    confidence: NDArray[np.floating], predicted: NDArray[np.intp], n_classes: int
) -> Iterator[NDArray[np.intp]]:
    """The rows predicted to be each class."""
    order = np.lexsort((-confidence, predicted))
    ends = np.searchsorted(predicted[order], np.arange(n_classes + 1))
    return (order[ends[k] : ends[k + 1]] for k in range(n_classes))


def _doubt(confidence: NDArray[np.floating], ranked: list[NDArray[np.intp]]) -> Floats:
    """(C,) how much noisier a class looks among its top 40 % than among its top 5 %."""

    def rate(rows: NDArray[np.intp], share: float) -> float:
        top = confidence[rows[: max(FEWEST, round(share * len(rows)))]]
        return 1.0 - float(np.exp(np.log(top).mean()))

    return np.array(
        [rate(rows, SLOPE) - rate(rows, PEAK) if rows.size >= FEWEST else 1.0 for rows in ranked]
    )


def _rates(rates: Floats, sizes: Floats, doubt: Floats, error: float) -> Floats:
    """(C,) each class's own rate, or the common one, or between as the evidence is."""
    shares = sizes / sizes.sum()
    common = float(shares @ rates)
    between, within = float(shares @ (rates - common) ** 2), float(shares @ doubt**2)
    own = np.clip(between / max(within, 1e-9) - 1.0, 0.0, 1.0)
    own *= np.clip((common / max(error, 1e-9) - UNEVEN) / (EVEN - UNEVEN), 0.0, 1.0)
    result: Floats = common + own * (rates - common)
    return result


def _anchor_labels(
    ranked: list[NDArray[np.intp]], labels: NDArray[np.integer], n_classes: int
) -> Floats:
    """(C, C) given labels (columns) of the anchors of each predicted class."""
    counts = np.zeros((n_classes, n_classes))
    for k, rows in enumerate(ranked):
        top = rows[: max(FEWEST, round(ANCHOR_SHARE * len(rows)))]
        counts[k] = np.bincount(labels[top], minlength=n_classes)
    return counts


def _directions(anchors: Floats, counts: Floats) -> Floats:
    """(C, C) where the noise of each class goes; rows sum to 1, the diagonal is 0."""
    n_classes = len(anchors)
    even = (1.0 - np.eye(n_classes)) / (n_classes - 1)
    if n_classes == 2:
        return even
    found = _shares(anchors * (1.0 - np.eye(n_classes)), even)
    found = _shares(found * found / (found + MINOR), even)
    seen = counts.sum(axis=1, keepdims=True)
    own = seen / (seen + _strength(counts))
    result: Floats = own * found + (1.0 - own) * even
    return result


def _shares(rows: Floats, otherwise: Floats) -> Floats:
    totals = rows.sum(axis=1, keepdims=True)
    return np.where(totals > 0, rows / np.maximum(totals, 1e-300), otherwise)


def _strength(counts: Floats) -> float:
    """The Dirichlet's strength around even shares that makes the counts most probable.

    Small where the labels of each class's anchors go to few other classes, large where they spread.
    """
    off = ~np.eye(len(counts), dtype=np.bool_)
    totals = counts.sum(axis=1)
    others = len(counts) - 1

    def loss(log_strength: float) -> float:
        strength = np.exp(log_strength)
        rows = gammaln(strength + totals) - gammaln(strength)
        cells = gammaln(strength / others + counts[off]) - gammaln(strength / others)
        return float(rows.sum() - cells.sum())

    bounds = (np.log(0.05), np.log(LARGEST_STRENGTH))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))
