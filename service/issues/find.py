"""Scores -> named issues."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.issues.ambiguity import ambiguous_scores
from service.issues.geometry import OUTLIER, measure
from service.issues.image_quality import Quality

Floats = NDArray[np.float64]

AMBIGUOUS = 0.5  # the second class is at least half as probable as the first
FLAGS = {
    "ambiguous": 1,
    "near_duplicate": 2,
    "conflicting_duplicate": 4,
    "outlier": 8,
    "dark": 16,
    "light": 32,
    "blurry": 64,
    "low_information": 128,
    "odd_aspect_ratio": 256,
    "odd_size": 512,
    "grayscale": 1024,
}
OF_VECTORS = ("near_duplicate", "conflicting_duplicate", "outlier")


@dataclass(frozen=True)
class Issues:
    """Issues of N samples beside wrong labels. Scores are in [0, 1], low = bad.

    Attributes
    ----------
    flags : (N,) sum of `FLAGS` of the issues that a sample has
    ambiguous_score : (N,)
    near_duplicate_score, outlier_score : (N,), None without vectors
    duplicate_set : (N,) int, -1 = in no set; None without vectors
    quality : of pictures; None for other samples, or where nobody measured them
    """

    flags: NDArray[np.int64]
    ambiguous_score: Floats
    near_duplicate_score: Floats | None = None
    outlier_score: Floats | None = None
    duplicate_set: NDArray[np.intp] | None = None
    quality: Quality | None = None

    def counts(self) -> dict[str, int | None]:
        """Samples by issue; None where an issue could not be looked for."""
        return {
            name: int(((self.flags & flag) > 0).sum()) if self._searched(name) else None
            for name, flag in FLAGS.items()
        }

    def _searched(self, name: str) -> bool:
        if name in OF_VECTORS:
            return self.outlier_score is not None
        return name == "ambiguous" or self.quality is not None

    def row(self, index: int) -> dict[str, Any]:
        """One sample's columns of the suspect table, by name."""
        row: dict[str, Any] = {
            "issues": int(self.flags[index]),
            "ambiguous_score": float(self.ambiguous_score[index]),
        }
        if self.quality is not None:
            row |= {f"{name}_score": float(x[index]) for name, x in self.quality.scores.items()}
        if self.duplicate_set is None or self.outlier_score is None:
            return row
        assert self.near_duplicate_score is not None
        number = int(self.duplicate_set[index])
        return row | {
            "near_duplicate_score": float(self.near_duplicate_score[index]),
            "outlier_score": float(self.outlier_score[index]),
            "duplicate_set": number if number >= 0 else None,
        }


def find_issues(
    families: Mapping[str, NDArray[np.floating]],
    labels: NDArray[np.integer],
    vectors: NDArray[Any] | None,
    graph: NDArray[np.integer] | None,
    quality: Quality | None = None,
) -> Issues:
    """Look for issues.

    Parameters
    ----------
    families : (N, C) out-of-sample probabilities by model family; rows may be NaN
    labels : (N,) given labels
    vectors : (N, ...) what the samples were encoded to, or None
    graph : (N, k) rows of each sample's nearest others, nearest first, -1 = none; with vectors
    quality : of pictures
    """
    ambiguous = ambiguous_scores(families)
    flags = (ambiguous <= AMBIGUOUS) * FLAGS["ambiguous"]
    for name, rows in quality.found.items() if quality is not None else ():
        flags = flags + rows * FLAGS[name]
    if vectors is None or graph is None or len(vectors) < 2:
        return Issues(flags, ambiguous, quality=quality)
    found = measure(vectors, graph)
    members = found.duplicate_set >= 0
    flags = flags + members * FLAGS["near_duplicate"]
    flags += _conflicting(found.duplicate_set, labels) * FLAGS["conflicting_duplicate"]
    flags += (found.outlier_score < OUTLIER) * FLAGS["outlier"]
    return Issues(
        flags,
        ambiguous,
        found.duplicate_score,
        found.outlier_score,
        found.duplicate_set,
        quality,
    )


def _conflicting(sets: NDArray[np.intp], labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Samples in a set of near duplicates that do not all have one label."""
    count = int(sets.max(initial=-1)) + 1
    low, high = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
    members = np.flatnonzero(sets >= 0)
    np.minimum.at(low, sets[members], labels[members])
    np.maximum.at(high, sets[members], labels[members])
    result = np.zeros(len(sets), np.bool_)
    result[members] = (low != high)[sets[members]]
    return result
