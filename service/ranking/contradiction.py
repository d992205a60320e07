"""Finds a model that refused to learn what the others learned.

Near its own boundary a model is right about every second time; not even structure that it cannot
express makes it wrong more often than a coin. Where the given labels contradict it there much more
often than that, they follow its boundary from the wrong side: labels that were flipped where two
classes meet. Flexible models learn such flips and are paid for it by the likelihood of the given
labels, so the pool would trust them. The model that the labels contradict is the one to ask.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.ranking.noise import blocks

Floats = NDArray[np.float64]

# Of the least sure samples, how many parts are looked at. Chosen on the first half of the
# benchmark's packs (docs/lab/detection.md): elsewhere no model comes below -2.7.
FEWEST_SHARE, MOST_SHARE = 0.03, 0.5
DOUBTFUL, SURE = 3.5, 5.0  # standard deviations of a fair coin
SMALL_EXCESS, LARGE_EXCESS = 0.1, 0.2  # large data make small departures sure ones
SMALLEST = 1e-9


@dataclass(frozen=True)
class Contradicted:
    """The model that the given labels contradict most."""

    share: float  # of the order that it decides, in [0, 1]
    ratio: Floats  # (N,) log of its best other class over the given one; high = bad


def most_contradicted(
    families: Mapping[str, NDArray[np.floating]], labels: NDArray[np.integer]
) -> Contradicted | None:
    """The model whose boundary the labels avoid, or None where there is none.

    Parameters
    ----------
    families : mapping of (N, C) float, out-of-sample probabilities; rows may be NaN
    labels : (N,) given labels
    """
    shares = {name: _share(probabilities, labels) for name, probabilities in families.items()}
    name = max(shares, key=lambda name: shares[name])
    if not shares[name]:
        return None
    return Contradicted(shares[name], log_ratio(families[name], labels))


def log_ratio(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> Floats:
    """(N,) log of the best other class over the given one; high = bad. A row of NaN gives 0.

    Unlike a probability or a margin it keeps its order whatever the model's temperature.
    """
    n, n_classes = probabilities.shape
    result = np.zeros(n)
    if n_classes < 2:
        return result
    for rows in blocks(n, n_classes):
        block = np.nan_to_num(probabilities[rows].astype(np.float64), nan=1.0 / n_classes)
        every = np.arange(len(block))
        given = block[every, labels[rows]].copy()
        block[every, labels[rows]] = -1.0
        result[rows] = np.log(np.maximum(block.max(axis=1), SMALLEST))
        result[rows] -= np.log(np.maximum(given, SMALLEST))
    return result


def _share(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """How plainly the labels contradict the model where it is least sure, in [0, 1]."""
    closeness, side = _sides(probabilities, labels)
    order = np.argsort(closeness, kind="stable")
    excess = np.cumsum(side[order])
    tosses = np.maximum(np.cumsum(np.abs(side[order])), 1.0)
    looked_at = slice(round(FEWEST_SHARE * len(order)), round(MOST_SHARE * len(order)))
    deviations = (excess / np.sqrt(tosses))[looked_at]
    if not len(deviations):
        return 0.0
    place = int(deviations.argmin())
    share = float((excess / tosses)[looked_at][place])
    sure = (-float(deviations[place]) - DOUBTFUL) / (SURE - DOUBTFUL)
    large = (-share - SMALL_EXCESS) / (LARGE_EXCESS - SMALL_EXCESS)
    return float(np.clip(sure, 0.0, 1.0) * np.clip(large, 0.0, 1.0))


def _sides(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer]
) -> tuple[Floats, NDArray[np.int8]]:
    """(N,) log of the first over the second class; 1 = the label is the first, -1 = the second."""
    n, n_classes = probabilities.shape
    closeness, side = np.full(n, np.inf), np.zeros(n, dtype=np.int8)
    if n_classes < 2:
        return closeness, side
    for rows in blocks(n, n_classes):
        block = probabilities[rows]
        every = np.arange(len(block))
        second, first = np.argpartition(block, n_classes - 2, axis=1)[:, -2:].T
        top, next_best = (np.maximum(block[every, chosen], SMALLEST) for chosen in (first, second))
        known = ~np.isnan(block[:, 0])
        closeness[rows] = np.where(known, np.log(top) - np.log(next_best), np.inf)
        side[rows] = known * (
            (labels[rows] == first).astype(np.int8) - (labels[rows] == second).astype(np.int8)
        )
    return closeness, side
