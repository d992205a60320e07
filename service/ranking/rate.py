"""How much of a dataset is wrong: an interval, never a single number."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

Floats = NDArray[np.float64]

LARGEST_SHIFT = 30.0


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


def noise_rate_interval(anchor: float, joint: float, error: float, n: int) -> Interval:
    """Interval for the share of wrong labels.

    Parameters
    ----------
    anchor : float
        Mean P(wrong) with the anchor noise matrix; misses noise on ambiguous samples, so it bounds
        from below.
    joint : float
        Mean P(wrong) with the confident-joint noise matrix, which tends to over-estimate.
    error : float
        Share of samples whose out-of-sample prediction is not the given label: noise plus the
        models' own error, so it bounds from above unless the models learned the noise.
    n : int
        Number of samples; adds the sampling error of the error rate.
    """
    sampling = 2.0 * np.sqrt(max(error * (1 - error), 1.0 / n) / n)
    return Interval.ordered((anchor + joint) / 2, anchor - sampling, max(joint, error) + sampling)


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
