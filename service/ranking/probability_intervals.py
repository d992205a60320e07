"""Log-odds of a wrong label -> p_wrong with an interval, never surer than the evidence.

Models are surest where they are wrong together, so log-odds far from zero say less than they seem
to. How sure p_wrong may get depends on how much of the estimated noise cannot be the models' own
error: `rate_certainty`, the ratio of the low end of the noise rate to its estimate.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from service.ranking.rate import LARGEST_SHIFT, Interval, shift_to_mean

Floats = NDArray[np.float64]

KNEE = 0.5  # probabilities above one half are capped, those below are left alone
# p_wrong and its low end where every model agrees, without and with a certain noise rate; the
# precision of the surest samples of the benchmark's packs (docs/lab/detection.md).
CAP, CAP_GAIN = 0.75, 0.20
LOW_CAP, LOW_CAP_GAIN = 0.50, 0.35
LOW_CAP_UNCERTAIN = 0.10
TRUSTED_CAP, TRUSTED_LOW_CAP = 0.97, 0.90  # the same where the surest disagreements can be trusted
HIGH_CAP = 0.99
CERTAIN = 0.6  # certainty from which on the noise rate counts as certain
UNCERTAIN = 0.1  # certainty below which wrong labels and ambiguity cannot be told apart
OWN_SHIFT = 3.0  # logits that doubt about the whole may take from, or add to, one sample


def rate_certainty(rate: Interval) -> float:
    """Share of the estimated noise that cannot be the models' own error, in [0, 1]."""
    return rate.low / max(rate.estimate, 1e-9)


def low_cap(rate: Interval, *, trusted: bool) -> float:
    """The low end of p_wrong where every model agrees: what such samples' precision can be."""
    if trusted:
        return TRUSTED_LOW_CAP
    if rate_certainty(rate) < UNCERTAIN:
        return LOW_CAP_UNCERTAIN
    return LOW_CAP + LOW_CAP_GAIN * min(1.0, rate_certainty(rate) / CERTAIN)


def probability_intervals(
    logits: Floats, spread: Floats, rate: Interval, *, trusted: bool
) -> tuple[Floats, Floats, Floats]:
    """(p_wrong, low, high), (N,) each: low <= p_wrong <= high, high = bad, order as the logits'.

    The mean of p_wrong is the rate's estimate. The ends are those of the rate's ends, widened by
    the families' disagreement `spread` (on the logit scale); where the rate is uncertain its low
    end says nothing of a single sample, whose own evidence then decides.
    """
    largest = CAP + CAP_GAIN * min(1.0, rate_certainty(rate) / CERTAIN)
    if trusted:
        largest = TRUSTED_CAP
    p_wrong = _to_mean(logits, rate.estimate, lambda p: capped(p, largest))
    centre = shift_to_mean(logits, rate.estimate)
    low = shift_to_mean(logits, rate.low) - spread
    high = np.minimum(shift_to_mean(logits, rate.high) + spread, centre + OWN_SHIFT)
    if rate_certainty(rate) < UNCERTAIN:
        low = np.maximum(low, centre - OWN_SHIFT)
    bottom = capped(expit(low), low_cap(rate, trusted=trusted))
    top = capped(expit(high), HIGH_CAP)
    return p_wrong, np.minimum(bottom, p_wrong), np.maximum(top, p_wrong)


def capped(probability: Floats, largest: float) -> Floats:
    """Values above one half mapped linearly into [1/2, largest]; all values into [0, largest] where
    that is below one half. Strictly increasing.
    """
    if largest <= KNEE:
        return largest * probability
    above = KNEE + (largest - KNEE) * (probability - KNEE) / (1.0 - KNEE)
    result: Floats = np.where(probability > KNEE, above, probability)
    return result


def _to_mean(logits: Floats, mean: float, transform: Callable[[Floats], Floats]) -> Floats:
    """`transform(expit(logits + d))` with the d for which its mean is `mean` or nearest to it."""

    def excess(shift: float) -> float:
        return float(transform(expit(logits + shift)).mean()) - mean

    if not len(logits) or excess(-LARGEST_SHIFT) >= 0:
        return transform(expit(logits - LARGEST_SHIFT))
    if excess(LARGEST_SHIFT) <= 0:
        return transform(expit(logits + LARGEST_SHIFT))
    return transform(expit(logits + brentq(excess, -LARGEST_SHIFT, LARGEST_SHIFT, xtol=1e-6)))
