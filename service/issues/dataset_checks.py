"""What may be amiss with a dataset as a whole: rare classes, leaks between splits, empty cells."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

# As in cleanlab's Datalab: the rarest class has less than a tenth of an even share.
RARE = 0.1
MISSING = 0.2  # of the cells of a column


@dataclass(frozen=True)
class Check:
    """One check of the whole dataset.

    Attributes
    ----------
    name : of the check
    found : whether there is something to look at
    count : samples concerned
    detail : what was found, in a sentence
    groups : of samples, where the check is about groups
    """

    name: str
    found: bool
    count: int
    detail: str
    groups: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def class_imbalance(labels: NDArray[np.integer], names: Sequence[str]) -> Check:
    """Classes with less than a tenth of an even share, 1 / (10 C), of the given labels (N,)."""
    counts = np.bincount(labels, minlength=len(names))
    rare = np.flatnonzero(counts < RARE * len(labels) / len(names))
    rarest = int(counts.argmin())
    share = counts[rarest] / max(1, len(labels))
    detail = f"The rarest class is {names[rarest]} with {share:.2%} of the labels."
    if len(rare) > 1:
        detail += f" {len(rare)} classes are rare."
    return Check("class_imbalance", len(rare) > 0, int(counts[rare].sum()), detail)


def split_leakage(sets: NDArray[np.integer], splits: NDArray[np.integer]) -> Check:
    """Samples with a near duplicate in another split.

    Parameters
    ----------
    sets : (N,) number of a sample's set of near duplicates, -1 = in none
    splits : (N,) number of its split, -1 = in none
    """
    members = np.flatnonzero((sets >= 0) & (splits >= 0))
    number = int(sets.max(initial=-1)) + 1
    low, high = np.full(number, np.iinfo(np.int64).max), np.full(number, -1)
    np.minimum.at(low, sets[members], splits[members])
    np.maximum.at(high, sets[members], splits[members])
    leaked = int((low != high)[sets[members]].sum())
    detail = f"{leaked} samples have a near duplicate in another split."
    return Check("split_leakage", leaked > 0, leaked, detail)


def missing_values(missing: Mapping[str, int], samples: int) -> Check:
    """Columns of a table with at least a fifth of their cells empty; `missing` counts those."""
    bad = {name: count for name, count in missing.items() if count >= MISSING * samples}
    if not bad:
        detail = "No column misses a fifth of its values."
        return Check("missing_values", False, 0, detail)
    worst = max(bad, key=lambda name: bad[name])
    share = bad[worst] / samples
    detail = f"The column {worst} misses {share:.0%} of its values."
    if len(bad) > 1:
        detail += f" {len(bad)} columns miss a fifth or more."
    return Check("missing_values", True, bad[worst], detail)
