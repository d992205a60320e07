"""How much of a dataset is wrong: an interval, never a single number."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

Floats = NDArray[np.float64]

LARGEST_SHIFT = 30.0
# Chosen on one half of the benchmark's packs, confirmed on the other (docs/lab/detection.md).
EVEN, UNEVEN = 0.40, 0.20  # error_fifth / error: above = noise everywhere, below = where unsure
# Noise / disagreement at most: where noise is alike everywhere, and where it follows difficulty,
# so that the models learn a part of it and agree with the labels there.
AGREED, LEARNED = 1.1, 1.6
TOO_NOISY = 0.5  # from here on nothing bounds the noise from above
CONFIDENT_SHARE = 0.3


@dataclass(frozen=True)
class Interval:
    """`0 <= low <= estimate <= high <= 1`."""

    estimate: float
    low: float
    high: float

    @classmethod
    def ordered(cls, estimate: float, low: float, high: float) -> "Interval":
        """The interval with its ends moved outwards where they would cross the estimate."""
        estimate = min(1.0, max(0.0, float(estimate)))
        low = min(estimate, max(0.0, float(low)))
        high = max(estimate, min(1.0, float(high)))
        return cls(estimate=estimate, low=low, high=high)

    def to_dict(self) -> dict[str, float]:
        return {"estimate": self.estimate, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class RateClues:
    """Estimates of the share of wrong labels from the pooled probabilities; all in [0, 1].

    Attributes
    ----------
    anchors : mean P(wrong) with the anchor noise matrix; misses noise on ambiguous samples
    joint : mean P(wrong) with the confident-joint noise matrix
    error : share of samples whose out-of-sample prediction is not the given label
    error_half, error_fifth : the same among the most confident half and fifth of the samples,
        where the models' own error is small and what remains is noise
    """

    anchors: float
    joint: float
    error: float
    error_half: float
    error_fifth: float

    def own_error(self, n_classes: int) -> float:
        """Share of samples whose true class the models miss, were the noise alike everywhere.

        The surest fifth disagrees by noise alone; what all samples disagree beyond it is the
        models' own error (some of which the noise makes agree with the label by chance).
        """
        agreeing = 1.0 - self.error_fifth * n_classes / max(1, n_classes - 1)
        return max(0.0, self.error - self.error_fifth) / max(agreeing, 1e-9)


def noise_rate_interval(clues: RateClues, n: int) -> Interval:
    """Interval for the share of wrong labels: the worst of the explanations not refuted.

    The estimate lies between the confident joint's and the median of three clues that agree when
    noise does not depend on how hard a sample is.

    Low end: all disagreement that fades with sureness may be honest ambiguity. What it would be of
    the surest samples of all is extrapolated from the surest half and fifth; where the fifth
    disagrees far less than all samples do, nothing is left.

    High end: all disagreement may be noise. Where it sits on samples that the models are unsure of,
    the noise may follow difficulty, and the models may have learned a part of it.
    """
    median = float(np.median([clues.joint, clues.error_half, clues.error_fifth]))
    estimate = (clues.joint + median) / 2
    evenness = clues.error_fifth / max(clues.error, 1e-9)
    unsure = float(np.clip((EVEN - evenness) / (EVEN - UNEVEN), 0.0, 1.0))
    sampling = float(np.sqrt(max(estimate * (1 - estimate), 1.0 / n) / (n * CONFIDENT_SHARE)))
    surest = max(0.0, clues.error_fifth - max(0.0, clues.error_half - clues.error_fifth))
    smallest = min(clues.anchors, clues.error_half, surest)
    low = smallest * min(1.0, evenness / UNEVEN) ** 2 - sampling
    hidden = AGREED + (LEARNED - AGREED) * unsure
    high = max(estimate, clues.joint, hidden * clues.error) + sampling
    return Interval.ordered(estimate, low, 1.0 if estimate > TOO_NOISY else high)


def shift_to_mean(logits: Floats, mean: float) -> Floats:
    """`logits + d` with the one d for which the mean probability is `mean`."""
    if not len(logits):
        return logits
    target = min(max(mean, 1e-9), 1 - 1e-9)

    def excess(shift: float) -> float:
        return float(expit(logits + shift).mean()) - target

    if excess(-LARGEST_SHIFT) > 0 or excess(LARGEST_SHIFT) < 0:
        return logits + (-LARGEST_SHIFT if excess(-LARGEST_SHIFT) > 0 else LARGEST_SHIFT)
    shift: float = brentq(excess, -LARGEST_SHIFT, LARGEST_SHIFT, xtol=1e-6)
    return logits + shift
