"""p_wrong and its interval -> obvious / possible / none, and when to withhold a judgement."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from labelaudit.enums import Word
from service.core.class_size import SMALL_CLASS
from service.ranking.fusion import Fused
from service.ranking.obvious_share import CLAIM, obvious_share
from service.ranking.rate import TOO_NOISY
from service.ranking.verdicts import Verdicts, tier_precision

Floats = NDArray[np.float64]

# An obvious sample's lower bound where verdicts or votes set the intervals, and what share of its
# P(wrong) one other class has at least.
HUMAN_LOW, OBVIOUS_SHARE = 0.65, 0.5
MIN_OBVIOUS = 10  # fewer than this may be chance: call them possible
TAIL = 0.05
NOTABLE_RATE = 0.02


class TierCode(IntEnum):
    """`labelaudit.enums.Tier` as a number in arrays; high = bad."""

    none = 0
    possible = 1
    obvious = 2

    def __repr__(self) -> str:
        return self.name


class Basis(Word):
    """What a printed figure rests on."""

    ESTIMATED = "estimated"  # models alone, or with too few verdicts
    VERIFIED = "verified"  # verdicts


@dataclass(frozen=True)
class TierPromise:
    """How many samples a tier holds and how many of them are expected to be wrong."""

    count: int
    expected_precision: float | None  # None where the tier is empty
    lower_bound: float | None
    basis: Basis = Basis.ESTIMATED


def cannot_judge(
    fused: Fused, labels: NDArray[np.integer], n_classes: int, has_human_evidence: NDArray[np.bool_]
) -> list[str]:
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
    doubted = not has_human_evidence.any() and not obvious_share(fused.posterior.clues, n_classes)
    if doubted and fused.noise_rate.estimate > NOTABLE_RATE:
        words.append(
            "the models disagree with labels mostly where they are uncertain; wrong labels"
            " and ambiguous samples cannot be told apart without review"
        )
    if fused.posterior.clues.error >= 0.9 * (1 - largest):
        words.append("the models predict the given labels no better than the largest class would")
    return words


def small_classes(labels: NDArray[np.integer], n_classes: int) -> NDArray[np.intp]:
    """Classes with samples, but fewer than SMALL_CLASS of them."""
    counts = np.bincount(labels, minlength=n_classes)
    return np.flatnonzero((counts > 0) & (counts < SMALL_CLASS))


def assign_tiers(
    fused: Fused,
    labels: NDArray[np.integer],
    n_classes: int,
    has_human_evidence: NDArray[np.bool_],
    *,
    withhold: bool,
) -> NDArray[np.int8]:
    """(N,) int8 of TierCode; `has_human_evidence` (N,) marks where verdicts or votes set the
    intervals."""
    n = len(labels)
    tiers = np.zeros(n, dtype=np.int8)
    budget = round(float(fused.p_wrong[fused.posterior.known].sum()))
    order = np.lexsort((np.arange(n), -fused.p_wrong))
    order = order[fused.posterior.known[order]]
    tiers[order[:budget]] = TierCode.possible
    if not withhold:
        confident = fused.p_wrong_low >= HUMAN_LOW
        obvious = np.where(has_human_evidence, confident, _surest(fused, order, budget, n_classes))
        obvious &= fused.posterior.others_share[:, 0] >= OBVIOUS_SHARE
        obvious &= ~np.isin(labels, small_classes(labels, n_classes))
        if obvious.sum() >= MIN_OBVIOUS:
            tiers[obvious] = TierCode.obvious
    return tiers


def _surest(
    fused: Fused, order: NDArray[np.intp], budget: int, n_classes: int
) -> NDArray[np.bool_]:
    """The head of the list where every family surely names one other class."""
    share = obvious_share(fused.posterior.clues, n_classes)
    head = np.zeros(len(fused.p_wrong), dtype=np.bool_)
    head[order[: round(share * budget)]] = True
    return head & fused.posterior.unanimous & (fused.p_wrong >= CLAIM)


def binomial_lower_bound(count: int, expected: float) -> float:
    """The share of wrong labels that so many samples, each wrong with that probability, fall below
    in 5 % of cases: even if every P(wrong) were exact, a tier of 26 that expects .95 would have .88
    or less in one of 7.
    """
    return float(binom.ppf(TAIL, count, expected)) / count


@dataclass(frozen=True)
class Review:
    """Verdicts, and the models' own tiers, which the controls were drawn from."""

    verdicts: Verdicts
    strata: NDArray[np.int8]  # (N,)


def promises(
    fused: Fused,
    tiers: NDArray[np.int8],
    has_human_evidence: NDArray[np.bool_],
    review: Review | None = None,
) -> dict[str, TierPromise]:
    """Expected precision and its lower bound for each tier, by name."""
    result = {}
    for code in TierCode:
        chosen = tiers == code
        count = int(chosen.sum())
        if not count:
            result[code.name] = TierPromise(0, None, None)
            continue
        expected, low = float(fused.p_wrong[chosen].mean()), float(fused.p_wrong_low[chosen].mean())
        basis = Basis.ESTIMATED
        if code is TierCode.obvious:
            low = float(np.where(has_human_evidence, fused.p_wrong_low, CLAIM)[chosen].mean())
            low = min(low, binomial_lower_bound(count, expected))
        if review is not None:
            found = tier_precision(chosen, fused, review.strata, review.verdicts, bound=low)
            expected, low = found.expected, found.low
            basis = Basis.VERIFIED if found.verified else Basis.ESTIMATED
        result[code.name] = TierPromise(count, expected, low, basis)
    return result
