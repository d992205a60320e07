"""How many of the suspects around a rank are wrong: the band that is printed.

A band of one sample says little: whether it is wrong is a yes or a no. Of the 50 suspects around a
rank, the share that is wrong can be bounded: by the noise rate's ends, which hold for the dataset
as a whole, and by the luck of 50 draws. Constants: docs/lab/detection.md.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from service.ranking.rate import Interval, shift_to_mean

Floats = NDArray[np.float64]

GROUP = 50  # suspects around a rank
# Logits that P(wrong) of a group may be off by; a single model has nobody to contradict it.
DOUBT, DOUBT_OF_ONE = 1.0, 2.0
CERTAIN = 1e-6
SMALLEST_VARIANCE = 0.01  # of one sample; a group that is all wrong so far may still surprise
Z = 1.64  # of the group's own luck: 90 %


def model_ends(p_wrong: Floats, rate: Interval, *, models: int) -> tuple[Floats, Floats]:
    """(low, high), (N,): P(wrong) at the ends of the noise rate, at least the doubt away."""
    logits = logit(np.clip(p_wrong, CERTAIN, 1.0 - CERTAIN))
    doubt = DOUBT if models > 1 else DOUBT_OF_ONE
    low = np.minimum(shift_to_mean(logits, rate.low), logits - doubt)
    high = np.maximum(shift_to_mean(logits, rate.high), logits + doubt)
    return expit(low), expit(high)


def group_bands(
    p_wrong: Floats, ends: tuple[Floats, Floats], order: NDArray[np.intp]
) -> tuple[Floats, Floats]:
    """(low, high), (N,), share of wrong labels among the GROUP suspects around each rank.

    Parameters
    ----------
    p_wrong : (N,), high = bad
    ends : (low, high), (N,) each, of p_wrong if the models as a whole are off
    order : (M,) sample indices, worst first; samples that are not in it keep their ends
    """
    low, high = (values.copy() for values in ends)
    if not len(order):
        return low, high
    size = min(GROUP, len(order))
    first = np.clip(np.arange(len(order)) - size // 2, 0, len(order) - size)
    for end, sign in ((low, -1.0), (high, 1.0)):
        sums = np.concatenate([[0.0], np.cumsum(end[order])])
        mean = (sums[first + size] - sums[first]) / size
        luck = Z * np.sqrt(np.maximum(mean * (1.0 - mean), SMALLEST_VARIANCE) / size)
        end[order] = np.clip(mean + sign * luck, 0.0, 1.0)
    return np.minimum(low, p_wrong), np.maximum(high, p_wrong)
