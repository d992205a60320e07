"""Votes in long form: who said what of which sample."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.intp]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Votes:
    """V votes on `n_samples` samples with `n_classes` classes by `len(annotators)` people.

    Attributes
    ----------
    sample : (V,) int, rows 0..n_samples-1; kept sorted
    annotator : (V,) int, index into `annotators`
    label : (V,) int, 0..n_classes-1
    n_samples, n_classes : int
    annotators : names; where only counts are known, one name stands for all who voted
    count : (V,) float, how many such votes the row stands for; 1 unless votes came as counts

    Raises
    ------
    ValueError
        The lengths differ or an index is out of range.
    """

    sample: Integers
    annotator: Integers
    label: Integers
    n_samples: int
    n_classes: int
    annotators: Sequence[str]
    count: Floats = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        size = len(self.sample)
        count = self.count if len(self.count) else np.ones(size)
        if not len(self.annotator) == len(self.label) == len(count) == size:
            raise ValueError("sample, annotator, label and count must have one length")
        limits = {
            "sample": self.n_samples,
            "annotator": len(self.annotators),
            "label": self.n_classes,
        }
        for name, limit in limits.items():
            values = getattr(self, name)
            if size and (values.min() < 0 or values.max() >= limit):
                raise ValueError(f"{name} must lie within 0..{limit - 1}")
        order = np.argsort(self.sample, kind="stable")
        for name in limits:
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.intp)[order])
        object.__setattr__(self, "count", np.asarray(count, np.float64)[order])

    @classmethod
    def of(
        cls,
        samples: Sequence[Hashable],
        annotators: Sequence[Hashable],
        labels: Sequence[Hashable],
        *,
        class_names: Sequence[str] | None = None,
    ) -> "Votes":
        """Votes from values of any kind; samples are numbered as `numpy.unique` sorts them."""
        rows, sample = np.unique(np.asarray(samples, dtype=str), return_inverse=True)
        names, annotator = np.unique(np.asarray(annotators, dtype=str), return_inverse=True)
        known, label = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
        if class_names is not None:
            place = {name: index for index, name in enumerate(class_names)}
            label = np.array([place[name] for name in known.tolist()], np.intp)[label]
            known = np.asarray(class_names)
        return cls(sample, annotator, label, len(rows), len(known), names.tolist())

    def __len__(self) -> int:
        return len(self.sample)

    def of_samples(self, rows: Integers, *, renumber: bool = True) -> "Votes":
        """The votes on those samples alone, `rows` sorted; they become 0..len(rows)-1 if wanted."""
        place = np.minimum(np.searchsorted(rows, self.sample), max(0, len(rows) - 1))
        kept = rows[place] == self.sample if len(rows) else np.zeros(len(self), np.bool_)
        return replace(
            self,
            sample=(place if renumber else self.sample)[kept],
            annotator=self.annotator[kept],
            label=self.label[kept],
            count=self.count[kept],
            n_samples=len(rows) if renumber else self.n_samples,
        )

    @cached_property
    def totals(self) -> Floats:
        """(n_samples,) votes on each sample."""
        totals = np.bincount(self.sample, weights=self.count, minlength=self.n_samples)
        return totals.astype(np.float64)

    @cached_property
    def voted(self) -> NDArray[np.bool_]:
        """(n_samples,) True where somebody voted."""
        return self.totals > 0

    def counts(self) -> Floats:
        """(n_samples, n_classes) votes for each class."""
        flat = np.bincount(
            self.sample * self.n_classes + self.label,
            weights=self.count,
            minlength=self.n_samples * self.n_classes,
        )
        return flat.reshape(self.n_samples, self.n_classes).astype(np.float64)

    def summed(self, values: NDArray[Any]) -> Floats:
        """(n_samples, K): each sample's sum over its votes of (V, K) values."""
        result = np.zeros((self.n_samples, values.shape[1]))
        if len(self):
            first = np.flatnonzero(np.r_[True, self.sample[1:] != self.sample[:-1]])
            result[self.sample[first]] = np.add.reduceat(values, first, axis=0)
        return result
