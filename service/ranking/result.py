"""What a ranking hands back: one array per quantity in sample order, and a summary."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.ranking.looks import LooksPlan
from service.ranking.rate import Interval
from service.ranking.signals import Signal
from service.ranking.tiers import Basis, TierPromise
from service.ranking.votes import VoteSummary

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ClassSummary:
    """What is estimated about the samples given one class."""

    class_index: int
    given_count: int
    wrong_count: float
    noise_rate: Interval
    most_confused_with: int | None  # the true class of most of its wrong labels


@dataclass(frozen=True)
class VerdictCount:
    """Samples that people decided, and how many of them have a wrong label."""

    n: int
    wrong: int


@dataclass(frozen=True)
class Summary:
    """What is estimated about the dataset as a whole."""

    noise_rate: Interval
    noise_matrix: Floats  # (C, C), rows = true class
    per_class: list[ClassSummary]
    tiers: dict[str, TierPromise]
    cannot_judge: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    verdicts: dict[str, VerdictCount] = field(default_factory=dict)  # by the models' own tier
    basis: Basis = Basis.ESTIMATED  # of the noise rate
    votes: VoteSummary | None = None  # where several annotators labeled the samples
    looks: LooksPlan | None = None  # where nothing is obvious before anybody judged

    def to_dict(self, class_names: Sequence[str]) -> dict[str, Any]:
        """JSON-ready, with class names instead of indices."""
        return {
            "noise_rate": self.noise_rate.to_dict(),
            "noise_matrix": [[round(float(v), 6) for v in row] for row in self.noise_matrix],
            "class_names": list(class_names),
            "per_class": [
                {
                    "class": class_names[row.class_index],
                    "given_count": row.given_count,
                    "estimated_wrong_count": row.wrong_count,
                    "noise_rate": row.noise_rate.to_dict(),
                    "most_confused_with": None
                    if row.most_confused_with is None
                    else class_names[row.most_confused_with],
                }
                for row in self.per_class
            ],
            "tiers": {
                name: {
                    "count": promise.count,
                    "expected_precision": promise.expected_precision,
                    "lower_bound": promise.lower_bound,
                    "basis": promise.basis.value,
                }
                for name, promise in self.tiers.items()
            },
            "cannot_judge": [words.format(*class_names) for words in self.cannot_judge],
            "missing": list(self.missing),
            "basis": self.basis.value,
            "looks": None if self.looks is None else vars(self.looks),
            "votes": None if self.votes is None else self.votes.to_dict(class_names),
            "verdicts": {
                "n": sum(count.n for count in self.verdicts.values()),
                "wrong": sum(count.wrong for count in self.verdicts.values()),
                "by_tier": {
                    name: {"n": count.n, "wrong": count.wrong}
                    for name, count in self.verdicts.items()
                },
            },
        }


@dataclass(frozen=True)
class Ranking:
    """All samples graded; every array is in sample order, `order` lists them worst first."""

    given: NDArray[np.integer]  # (N,) the labels that were ranked
    p_wrong: Floats  # (N,) in [0, 1], high = bad
    p_wrong_low: Floats  # (N,) <= p_wrong, share of wrong labels among the suspects around its rank
    p_wrong_high: Floats  # (N,) >= p_wrong, the same
    label_score: Floats  # (N,) 1 - p_wrong, low = bad
    tier: NDArray[np.int8]  # (N,) TierCode
    predicted_label: NDArray[np.intp]  # (N,)
    suggested_label: NDArray[np.intp]  # (N,) -1 = none
    suggested_label_confidence: Floats  # (N,) in [0, 1]; 0 where there is no suggestion
    top_classes: NDArray[np.intp]  # (N, k) most probable true classes, best first, k <= 5
    top_probabilities: Floats  # (N, k)
    signals: dict[str, Signal]
    order: NDArray[np.intp]  # (N,) sample indices, worst first
    summary: Summary
    replicas: int  # over all shards
    epochs: int  # of the longest shard

    def __len__(self) -> int:
        return len(self.p_wrong)
