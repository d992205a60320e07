"""p_wrong and its band -> obvious / possible / none, and when to withhold a judgement."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from service.ranking.bands import UNFOUNDED, foundation, surest_low
from service.ranking.fusion import Fused
from service.ranking.verdicts import Verdicts, tier_precision

Floats = NDArray[np.float64]

OBVIOUS_LOW = 0.5  # even the low end says: more likely wrong than right
REVIEWED_LOW = 0.65  # bands that verdicts have narrowed are to be taken at their word
OBVIOUS_SHARE = 0.5  # and one other class takes at least half of what the given label loses
OBVIOUS_MINIMUM = 5  # fewer than this are luck: call them possible
SMALL_CLASS = 30
NOTABLE_RATE = 0.02
ONE_SIDED = 1.645  # standard deviations of a one-sided 95 % bound
TOO_NOISY = 0.5


class Tier(StrEnum):
    """The machine's grade of a sample."""

    OBVIOUS = "obvious"
    POSSIBLE = "possible"
    NONE = "none"


class Basis(StrEnum):
    """What a printed figure rests on."""

    ESTIMATED = "estimated"  # models alone, or with too few verdicts
    VERIFIED = "verified"  # verdicts


@dataclass(frozen=True)
class TierPromise:
    """How many samples a tier holds and how many of them should really be wrong."""

    count: int
    expected_precision: float | None  # None where the tier is empty
    lower_bound: float | None
    basis: Basis = Basis.ESTIMATED


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
    if fused.noise_rate.estimate > NOTABLE_RATE and foundation(fused.noise_rate) < UNFOUNDED:
        words.append(
            "the models disagree with labels only where they are unsure themselves; wrong labels"
            " and honest ambiguity cannot be told apart without review"
        )
    if fused.posterior.clues.error >= 0.9 * (1 - largest):
        words.append("the models predict the given labels no better than the largest class would")
    return words


def small_classes(labels: NDArray[np.integer], n_classes: int) -> NDArray[np.intp]:
    """Classes with samples, but fewer than 30 of them."""
    counts = np.bincount(labels, minlength=n_classes)
    return np.flatnonzero((counts > 0) & (counts < SMALL_CLASS))


def assign_tiers(
    fused: Fused,
    labels: NDArray[np.integer],
    n_classes: int,
    *,
    withhold: bool,
    reviewed: bool = False,
) -> NDArray[np.int8]:
    """(N,) int8: 0 none, 1 possible, 2 obvious; `reviewed` says that verdicts set the bands."""
    n = len(labels)
    tiers = np.zeros(n, dtype=np.int8)
    budget = round(float(fused.p_wrong[fused.posterior.known].sum()))
    order = np.lexsort((np.arange(n), -fused.p_wrong))
    order = order[fused.posterior.known[order]]
    tiers[order[:budget]] = 1
    if not withhold:
        obvious = fused.p_wrong_low >= (REVIEWED_LOW if reviewed else OBVIOUS_LOW)
        obvious &= fused.posterior.others_share[:, 0] >= OBVIOUS_SHARE
        obvious &= ~np.isin(labels, small_classes(labels, n_classes))
        if obvious.sum() >= OBVIOUS_MINIMUM and foundation(fused.noise_rate) >= UNFOUNDED:
            tiers[obvious] = 2
    return tiers


@dataclass(frozen=True)
class Review:
    """What people decided, and the models' own tiers, which their controls were drawn from."""

    verdicts: Verdicts
    strata: NDArray[np.int8]  # (N,)


def promises(
    fused: Fused, tiers: NDArray[np.int8], review: Review | None = None
) -> dict[str, TierPromise]:
    """Expected precision and its lower bound for each tier, by name."""
    result = {}
    for code, tier in enumerate((Tier.NONE, Tier.POSSIBLE, Tier.OBVIOUS)):
        chosen = tiers == code
        count = int(chosen.sum())
        if not count:
            result[tier.value] = TierPromise(0, None, None)
            continue
        expected, low = float(fused.p_wrong[chosen].mean()), float(fused.p_wrong_low[chosen].mean())
        basis = Basis.ESTIMATED
        if tier is Tier.OBVIOUS:
            low = min(low, _obvious_bound(fused, count))
        if review is not None:
            found = tier_precision(chosen, fused, review.strata, review.verdicts, bound=low)
            expected, low = found.expected, found.low
            basis = Basis.VERIFIED if found.verified else Basis.ESTIMATED
        result[tier.value] = TierPromise(count, expected, low, basis)
    return result


def _obvious_bound(fused: Fused, count: int) -> float:
    """Precision the obvious tier should keep with 95 % confidence.

    Models can be wrong together, and their confidence does not show it. How wide the noise-rate
    interval is tells how much of the disagreement could be the models' own error; the rest is the
    luck of a small tier.
    """
    base = surest_low(fused.noise_rate)
    return max(0.0, base - ONE_SIDED * float(np.sqrt(base * (1 - base) / count)))
