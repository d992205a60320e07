"""Log-odds of a wrong label -> p_wrong and its band, never surer than the evidence.

Models are surest where they are wrong together, so log-odds far from zero say less than they seem
to. How sure p_wrong may get depends on how much of the estimated noise cannot be the models' own
error: `foundation`, the ratio of the low end of the noise rate to its estimate.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from service.ranking.rate import LARGEST_SHIFT, Interval, shift_to_mean

Floats = NDArray[np.float64]

KNEE = 0.5  # what is said above one half is held back, what is said below is left
# p_wrong and its low end where every model agrees, without and with a certain noise rate; the
# precision of the surest samples of the benchmark's packs (docs/detection.md).
CEILING, CEILING_GAIN = 0.75, 0.20
LOW_BASE, LOW_GAIN = 0.50, 0.35
LOW_UNFOUNDED = 0.10
TRUSTED_CEILING, TRUSTED_LOW = 0.97, 0.90  # the same where the surest disagreements can be trusted
HIGH_CEILING = 0.99
CERTAIN_RATIO = 0.6  # foundation from which on the noise rate counts as certain
UNFOUNDED = 0.1  # foundation below which wrong labels and ambiguity cannot be told apart
OWN_SHIFT = 3.0  # logits that doubt about the whole may take from, or add to, one sample


def foundation(rate: Interval) -> float:
    """Share of the estimated noise that cannot be the models' own error, in [0, 1]."""
    return rate.low / max(rate.estimate, 1e-9)


def surest_low(rate: Interval, *, trusted: bool) -> float:
    """The low end of p_wrong where every model agrees: what such samples' precision can be."""
    if trusted:
        return TRUSTED_LOW
    if foundation(rate) < UNFOUNDED:
        return LOW_UNFOUNDED
    return LOW_BASE + LOW_GAIN * min(1.0, foundation(rate) / CERTAIN_RATIO)


def banded(
    logits: Floats, spread: Floats, rate: Interval, *, trusted: bool
) -> tuple[Floats, Floats, Floats]:
    """(p_wrong, low, high), (N,) each: low <= p_wrong <= high, high = bad, order as the logits'.

    The mean of p_wrong is the rate's estimate. The ends are those of the rate's ends, widened by
    the families' disagreement `spread` (on the logit scale); where the rate is unfounded its low
    end says nothing of a single sample, whose own evidence then decides.
    """
    ceiling = CEILING + CEILING_GAIN * min(1.0, foundation(rate) / CERTAIN_RATIO)
    if trusted:
        ceiling = TRUSTED_CEILING
    p_wrong = _to_mean(logits, rate.estimate, lambda p: held_back(p, ceiling))
    centre = shift_to_mean(logits, rate.estimate)
    low = shift_to_mean(logits, rate.low) - spread
    high = np.minimum(shift_to_mean(logits, rate.high) + spread, centre + OWN_SHIFT)
    if foundation(rate) < UNFOUNDED:
        low = np.maximum(low, centre - OWN_SHIFT)
    bottom = held_back(expit(low), surest_low(rate, trusted=trusted))
    top = held_back(expit(high), HIGH_CEILING)
    return p_wrong, np.minimum(bottom, p_wrong), np.maximum(top, p_wrong)


def held_back(probability: Floats, ceiling: float) -> Floats:
    """Values above one half pressed into [1/2, ceiling]; all of them scaled under a lower ceiling.

    Strictly rising where `ceiling` is above one half.
    """
    if ceiling <= KNEE:
        return ceiling * probability
    above = KNEE + (ceiling - KNEE) * (probability - KNEE) / (1.0 - KNEE)
    result: Floats = np.where(probability > KNEE, above, probability)
    return result


def _to_mean(logits: Floats, mean: float, press: Callable[[Floats], Floats]) -> Floats:
    """`press(expit(logits + d))` with the one d for which its mean is `mean`, or comes nearest."""

    def excess(shift: float) -> float:
        return float(press(expit(logits + shift)).mean()) - mean

    if not len(logits) or excess(-LARGEST_SHIFT) >= 0:
        return press(expit(logits - LARGEST_SHIFT))
    if excess(LARGEST_SHIFT) <= 0:
        return press(expit(logits + LARGEST_SHIFT))
    return press(expit(logits + brentq(excess, -LARGEST_SHIFT, LARGEST_SHIFT, xtol=1e-6)))
