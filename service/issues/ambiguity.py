"""Samples for which two labels are plausible, by the models' own out-of-sample probabilities."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BLOCK_VALUES = 4_000_000


def ambiguous_scores(families: Mapping[str, NDArray[np.floating]]) -> Floats:
    """(N,) in [0, 1], low = ambiguous: 1 - p2 / p1 of the mean over model families of (N, C).

    p1 and p2 are the largest and the second largest probability. The given label plays no part, so
    that a sample whose label is surely wrong is not called ambiguous. 1 where no family knows the
    sample or where there is one class.
    """
    n, n_classes = next(iter(families.values())).shape
    scores = np.ones(n)
    if n_classes < 2:
        return scores
    step = max(1, BLOCK_VALUES // n_classes)
    for start in range(0, n, step):
        rows = slice(start, min(n, start + step))
        parts = np.stack([np.asarray(p[rows], np.float64) for p in families.values()])
        known = ~np.isnan(parts[:, :, 0])
        mean = np.where(known[:, :, None], parts, 0.0).sum(axis=0)
        mean /= np.maximum(known.sum(axis=0), 1)[:, None]
        top = np.partition(mean, n_classes - 2, axis=1)[:, -2:]
        ratio = top[:, 0] / np.maximum(top[:, 1], 1e-12)
        scores[rows] = np.where(known.any(axis=0), 1.0 - ratio, 1.0)
    return scores
