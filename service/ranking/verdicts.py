"""Reviewers' verdicts change the printed numbers: p_wrong, the noise rate, the tiers' promises.

The order stays: a hundred verdicts are too few to rank by, but enough to tell whether the numbers
beside the order can be believed. `rank_suspects(evidence, verdicts=...)` uses what is here.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from service.ranking.intervals import Stratum, clopper_pearson_low, stratified
from service.ranking.isotonic import (
    Bins,
    binned_verdicts,
    isotonic_logits,
    share_wrong,
)
from service.ranking.platt import fit_platt
from service.ranking.rate import Interval

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

WEIGHT_POWER = 0.5  # of sampling weights in the fit: 0 favours the queue, 1 a few rows
PRIOR_VERDICTS = 4.0  # pseudo-verdicts of the recalibrated models beside a tier's controls
MIN_CONTROLS = 10  # controls of one stratum from which on they alone bound the rest of it
MIN_TIER_CONTROLS = 3  # controls of a tier from which on other tiers' controls bound it too
CERTAIN = 1e-12
VERIFIED_CONTROLS = 20  # controls of a tier from which on its promise counts as verified


@dataclass(frozen=True)
class Verdicts:
    """n decided samples.

    Attributes
    ----------
    rows : (n,) int, distinct rows of the evidence
    wrong : (n,) bool, True where a person said that the given label is wrong
    is_control : (n,) bool, True where the sample was drawn at random among those of its place in
        the order, False where it came from the head of the queue

    Raises
    ------
    ValueError
        The lengths differ, or a sample occurs twice.
    """

    rows: NDArray[np.intp]
    wrong: Bools
    is_control: Bools

    def __post_init__(self) -> None:
        if not len(self.rows) == len(self.wrong) == len(self.is_control):
            raise ValueError("rows, wrong and is_control must have one length")
        if len(np.unique(self.rows)) != len(self.rows):
            raise ValueError("a sample has two verdicts; give only the one in force")

    def __len__(self) -> int:
        return len(self.rows)

    def within(self, chosen: Bools) -> "Verdicts":
        """Those of the samples that the (N,) mask chooses."""
        kept = chosen[self.rows]
        return Verdicts(self.rows[kept], self.wrong[kept], self.is_control[kept])


class Scored(Protocol):
    """Whatever has P(wrong) of N samples."""

    @property
    def p_wrong(self) -> Floats: ...

    @property
    def p_wrong_low(self) -> Floats: ...


@dataclass(frozen=True)
class Recalibrated:
    """P(wrong) recalibrated by verdicts, and the share of wrong labels."""

    p_wrong: Floats  # (N,) in the order of the old one, high = bad
    p_wrong_low: Floats
    p_wrong_high: Floats
    noise_rate: Interval


def recalibrate(
    p_wrong: Floats, strata: NDArray[np.integer], verdicts: Verdicts, *, rate: Interval
) -> Recalibrated:
    """Make P(wrong) and the noise rate agree with what reviewers found.

    P(wrong) goes through a Platt line whose prior is the identity, each verdict weighing by the
    root of how many samples of its stratum it represents, and is then moved to the isotonic
    regression of the verdicts. Of the noise rate what is decided is known. The rest of all strata
    that controls were drawn from is bounded by them together (`isotonic.py`); that of the others by
    the recalibrated models, as far as the old interval was sure of them.

    Parameters
    ----------
    p_wrong : (N,) float
    strata : (N,) int, 0..2; the tiers that controls are drawn from
    verdicts : Verdicts, at least one
    rate : the noise rate before any verdict

    Raises
    ------
    ValueError
        There is no verdict, or a row lies outside 0..N-1.
    """
    rows = verdicts.rows
    if not len(rows) or rows.min() < 0 or rows.max() >= len(p_wrong):
        raise ValueError(f"needs verdicts on rows within 0..{len(p_wrong) - 1}")
    platt = fit_platt(p_wrong[rows], verdicts.wrong, _weights(verdicts, strata))
    values, low, high = _isotonic(platt(p_wrong), verdicts)
    covered, uncovered = _covered_by_controls(strata, verdicts)
    parts = [
        _by_models(strata == code, p_wrong, values, verdicts.within(strata == code), rate)
        for code in uncovered
    ]
    if covered.any():
        parts.append(_by_controls(covered, p_wrong, strata, verdicts.within(covered)))
    return Recalibrated(values, low, high, stratified(parts))


def _isotonic(
    interval: tuple[Floats, Floats, Floats], verdicts: Verdicts
) -> tuple[Floats, Floats, Floats]:
    """The Platt line's P(wrong) moved to the isotonic regression, and its ends with it."""
    logits, low, high = (logit(np.clip(values, CERTAIN, 1 - CERTAIN)) for values in interval)
    centre = isotonic_logits(logits, verdicts.rows, verdicts.wrong)
    return expit(centre), expit(centre + low - logits), expit(centre + high - logits)


def _covered_by_controls(
    strata: NDArray[np.integer], verdicts: Verdicts
) -> tuple[Bools, list[int]]:
    """(N,) whether controls represent the sample's stratum, and the codes of the other strata."""
    controls = np.bincount(strata[verdicts.rows[verdicts.is_control]], minlength=3)
    codes = np.unique(strata)
    largest = np.bincount(strata).argmax()
    enough = MIN_TIER_CONTROLS if controls[largest] >= MIN_CONTROLS else MIN_CONTROLS
    covered = controls >= enough
    return covered[strata], [int(code) for code in codes if not covered[code]]


def _weights(verdicts: Verdicts, strata: NDArray[np.integer]) -> Floats:
    """(n,) sampling weights, tempered, with mean 1."""
    sizes = np.bincount(strata, minlength=3)
    taken = np.bincount(strata[verdicts.rows], minlength=3)
    own = strata[verdicts.rows]
    weights: Floats = (sizes[own] / taken[own]) ** WEIGHT_POWER
    weights /= weights.mean()
    return weights


def _by_controls(
    chosen: Bools, p_wrong: Floats, strata: NDArray[np.integer], verdicts: Verdicts
) -> Stratum:
    """What is known of those samples, the rest by its blind verdicts and the order alone."""
    parts = []
    for code in np.unique(strata[chosen]):
        cell = chosen & (strata == code)
        rest, controls, wrong = _pool(cell, verdicts.within(cell))
        pool = p_wrong[np.concatenate([controls, rest])]
        parts.append(binned_verdicts(pool, np.arange(len(controls)), wrong))
    return Stratum(
        size=int(chosen.sum()),
        known=len(verdicts),
        known_wrong=int(verdicts.wrong.sum()),
        rest=share_wrong(Bins.joined(parts)),
    )


def _pool(chosen: Bools, verdicts: Verdicts) -> tuple[NDArray[np.intp], NDArray[np.intp], Bools]:
    """The undecided of those samples, their controls, and whether these are wrong."""
    rest = np.setdiff1d(np.flatnonzero(chosen), verdicts.rows, assume_unique=True)
    return rest, verdicts.rows[verdicts.is_control], verdicts.wrong[verdicts.is_control]


def _by_models(
    chosen: Bools, before: Floats, after: Floats, verdicts: Verdicts, rate: Interval
) -> Stratum:
    """What is known of one stratum, the rest by the models, before and after recalibration."""
    rest, _, _ = _pool(chosen, verdicts)
    models = float(after[rest].mean()) if rest.size else 0.0
    old = float(before[rest].mean()) if rest.size else 0.0
    doubt = max(rate.estimate, 1e-9)
    low = min(models, old) * rate.low / doubt
    return Stratum(
        size=int(chosen.sum()),
        known=len(verdicts),
        known_wrong=int(verdicts.wrong.sum()),
        rest=Interval.ordered(models, low, max(models, old) * rate.high / doubt),
        sampled=False,
    )


@dataclass(frozen=True)
class Precision:
    """The share of a tier that is really wrong, and whether reviewers have verified it."""

    expected: float
    low: float
    verified: bool


def tier_precision(
    chosen: Bools,
    fused: Scored,
    strata: NDArray[np.integer],
    verdicts: Verdicts,
    *,
    bound: float,
) -> Precision:
    """A tier's promise after verdicts.

    What is decided is known. Of the rest, each stratum that controls were drawn from represents its
    own part of the tier: with 10 controls or more by the lower of two one-sided bounds, Clopper and
    Pearson's and that of the order, with fewer by the recalibrated models, but no better than
    `bound`, the promise without verdicts.

    Parameters
    ----------
    chosen : (N,) bool, the samples of the tier
    fused : has (N,) `p_wrong` and `p_wrong_low`, recalibrated
    strata : (N,) int, as given to `recalibrate`
    verdicts : all of them
    """
    parts, controls, left = [], 0, 0
    for code in np.unique(strata[chosen]):
        cell = chosen & (strata == code)
        inside = verdicts.within(cell)
        controls += int(inside.is_control.sum())
        left += int(cell.sum()) - len(inside)
        parts.append(
            Stratum(
                size=int(cell.sum()),
                known=len(inside),
                known_wrong=int(inside.wrong.sum()),
                rest=_cell(fused, cell, strata, inside, bound),
                sampled=inside.is_control.sum() >= MIN_CONTROLS,
            )
        )
    whole = stratified(parts)
    return Precision(whole.estimate, whole.low, verified=controls >= VERIFIED_CONTROLS or not left)


def _cell(
    fused: Scored, cell: Bools, strata: NDArray[np.integer], verdicts: Verdicts, bound: float
) -> Interval:
    """Share of wrong labels among the undecided samples of one cell."""
    rest, _, wrong = _pool(cell, verdicts)
    if not rest.size:
        return Interval(0.0, 0.0, 0.0)
    models, low = float(fused.p_wrong[rest].mean()), float(fused.p_wrong_low[rest].mean())
    n, hits = len(wrong), int(wrong.sum())
    if n < MIN_CONTROLS:
        expected = (hits + PRIOR_VERDICTS * models) / (n + PRIOR_VERDICTS)
        return Interval.ordered(expected, min(low, bound), 1.0)
    controls = _by_controls(cell, fused.p_wrong, strata, verdicts).rest
    expected = (n * controls.estimate + PRIOR_VERDICTS * models) / (n + PRIOR_VERDICTS)
    return Interval.ordered(expected, min(controls.low, clopper_pearson_low(hits, n)), 1.0)
