"""Scores -> named issues."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.issues.ambiguity import ambiguous_scores
from service.issues.geometry import OUTLIER, measure

Floats = NDArray[np.float64]

AMBIGUOUS = 0.5  # the second class is at least half as probable as the first
FLAGS = {"ambiguous": 1, "near_duplicate": 2, "conflicting_duplicate": 4, "outlier": 8}


@dataclass(frozen=True)
class Issues:
    """Issues of N samples beside wrong labels. Scores are in [0, 1], low = bad.

    Attributes
    ----------
    flags : (N,) sum of `FLAGS` of the issues that a sample has
    ambiguous_score : (N,)
    near_duplicate_score, outlier_score : (N,), None without vectors
    duplicate_set : (N,) int, -1 = in no set; None without vectors
    """

    flags: NDArray[np.int64]
    ambiguous_score: Floats
    near_duplicate_score: Floats | None = None
    outlier_score: Floats | None = None
    duplicate_set: NDArray[np.intp] | None = None

    def counts(self) -> dict[str, int | None]:
        """Samples by issue; None where an issue could not be looked for."""
        found: dict[str, int | None] = {}
        for name, flag in FLAGS.items():
            unseen = self.outlier_score is None and name != "ambiguous"
            found[name] = None if unseen else int(((self.flags & flag) > 0).sum())
        return found

    def row(self, index: int) -> dict[str, Any]:
        """One sample's columns of the suspect table, by name."""
        row = {
            "issues": int(self.flags[index]),
            "ambiguous_score": float(self.ambiguous_score[index]),
        }
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
) -> Issues:
    """Look for issues.

    Parameters
    ----------
    families : (N, C) out-of-sample probabilities by model family; rows may be NaN
    labels : (N,) given labels
    vectors : (N, ...) what the samples were encoded to, or None
    graph : (N, k) rows of each sample's nearest others, nearest first, -1 = none; with vectors
    """
    ambiguous = ambiguous_scores(families)
    flags = (ambiguous <= AMBIGUOUS) * FLAGS["ambiguous"]
    if vectors is None or graph is None or len(vectors) < 2:
        return Issues(flags, ambiguous)
    found = measure(vectors, graph)
    members = found.duplicate_set >= 0
    flags = flags + members * FLAGS["near_duplicate"]
    flags += _conflicting(found.duplicate_set, labels) * FLAGS["conflicting_duplicate"]
    flags += (found.outlier_score < OUTLIER) * FLAGS["outlier"]
    return Issues(flags, ambiguous, found.duplicate_score, found.outlier_score, found.duplicate_set)


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
