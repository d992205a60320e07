"""p_wrong and its band -> obvious / possible / none, and when to withhold a judgement."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from service.ranking.fusion import Fused

Floats = NDArray[np.float64]

OBVIOUS_LOW = 0.5  # even the low end says: more likely wrong than right
OBVIOUS_SHARE = 0.5  # and one other class takes at least half of what the given label loses
SMALL_CLASS = 30
TOO_NOISY = 0.5


class Tier(StrEnum):
    """The machine's grade of a sample."""

    OBVIOUS = "obvious"
    POSSIBLE = "possible"
    NONE = "none"


@dataclass(frozen=True)
class TierPromise:
    """How many samples a tier holds and how many of them should really be wrong."""

    count: int
    expected_precision: float | None  # None where the tier is empty
    lower_bound: float | None


def cannot_judge(fused: Fused, labels: NDArray[np.integer], n_classes: int) -> list[str]:
    """Reasons, in words, why no label may be called obviously wrong; empty = none.

    `{3}` stands for the name of class 3 (`str.format` with the class names).
    """
    words = []
    counts = np.bincount(labels, minlength=n_classes)
    largest = counts.max() / max(1, len(labels))
    if n_classes < 2:
        words.append("there is only one class, so no other label can be suggested")
    if fused.noise_rate.estimate > TOO_NOISY:
        words.append("more than half of the labels look wrong; too noisy to audit without review")
    if fused.posterior.clues.error >= 0.9 * (1 - largest):
        words.append("the models predict the given labels no better than the largest class would")
    return words


def small_classes(labels: NDArray[np.integer], n_classes: int) -> NDArray[np.intp]:
    """Classes with samples, but fewer than 30 of them."""
    counts = np.bincount(labels, minlength=n_classes)
    return np.flatnonzero((counts > 0) & (counts < SMALL_CLASS))


def assign_tiers(
    fused: Fused, labels: NDArray[np.integer], n_classes: int, *, withhold: bool
) -> NDArray[np.int8]:
    """(N,) int8: 0 none, 1 possible, 2 obvious."""
    n = len(labels)
    tiers = np.zeros(n, dtype=np.int8)
    budget = round(float(fused.p_wrong[fused.posterior.known].sum()))
    order = np.lexsort((np.arange(n), -fused.p_wrong))
    order = order[fused.posterior.known[order]]
    tiers[order[:budget]] = 1
    if not withhold:
        obvious = fused.p_wrong_low >= OBVIOUS_LOW
        obvious &= fused.posterior.others_share[:, 0] >= OBVIOUS_SHARE
        obvious &= ~np.isin(labels, small_classes(labels, n_classes))
        tiers[obvious] = 2
    return tiers


def promises(fused: Fused, tiers: NDArray[np.int8]) -> dict[str, TierPromise]:
    """Expected precision and its lower bound for each tier, by name."""
    result = {}
    for code, tier in enumerate((Tier.NONE, Tier.POSSIBLE, Tier.OBVIOUS)):
        chosen = tiers == code
        count = int(chosen.sum())
        expected = float(fused.p_wrong[chosen].mean()) if count else None
        low = float(fused.p_wrong_low[chosen].mean()) if count else None
        result[tier.value] = TierPromise(count, expected, low)
    return result
