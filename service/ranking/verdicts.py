"""What reviewers say changes what is printed: p_wrong, the noise rate, the tiers' promises.

The order stays: a hundred verdicts are too few to rank by, but enough to tell whether the numbers
beside the order can be believed. `rank_suspects(evidence, verdicts=...)` uses what is here.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from service.ranking.intervals import Stratum, clopper_pearson_low, stratified, wilson
from service.ranking.platt import Platt, fit_platt
from service.ranking.rate import Interval

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TEMPERED = 0.5  # power of the sampling weights in the fit: none favours the queue, one a few rows
PRIOR_VERDICTS = 4.0  # what the recalibrated models count for beside the random verdicts of a tier
ENOUGH = 10  # controls of one stratum from which on they alone bound the rest of it
VERIFIED = 20  # controls of a tier from which on its promise counts as verified


@dataclass(frozen=True)
class Verdicts:
    """n decided samples.

    Attributes
    ----------
    rows : (n,) int, distinct rows of the evidence
    wrong : (n,) bool, True where a person said that the given label is wrong
    drawn : (n,) bool, True where the sample was drawn at random within its stratum (a control),
        False where it came from the head of the queue

    Raises
    ------
    ValueError
        The lengths differ, or a sample stands twice.
    """

    rows: NDArray[np.intp]
    wrong: Bools
    drawn: Bools

    def __post_init__(self) -> None:
        if not len(self.rows) == len(self.wrong) == len(self.drawn):
            raise ValueError("rows, wrong and drawn must have one length")
        if len(np.unique(self.rows)) != len(self.rows):
            raise ValueError("a sample has two verdicts; give only the one that stands")

    def __len__(self) -> int:
        return len(self.rows)

    def within(self, chosen: Bools) -> "Verdicts":
        """Those of the samples that the (N,) mask chooses."""
        kept = chosen[self.rows]
        return Verdicts(self.rows[kept], self.wrong[kept], self.drawn[kept])


class Scored(Protocol):
    """Whatever has P(wrong) of N samples."""

    @property
    def p_wrong(self) -> Floats: ...

    @property
    def p_wrong_low(self) -> Floats: ...


@dataclass(frozen=True)
class Recalibrated:
    """P(wrong) as reviewers would have it, and the share of wrong labels."""

    p_wrong: Floats  # (N,) in the order of the old one, high = bad
    p_wrong_low: Floats
    p_wrong_high: Floats
    noise_rate: Interval
    line: Platt


def recalibrate(
    p_wrong: Floats, strata: NDArray[np.integer], verdicts: Verdicts, *, rate: Interval
) -> Recalibrated:
    """Make P(wrong) and the noise rate agree with what reviewers found.

    P(wrong) goes through a Platt line whose prior is the identity, each verdict weighing by the
    root of how many samples of its stratum it stands for. The noise rate is estimated stratum by
    stratum: what is decided is known, ten random controls or more tell the share among the rest
    (Wilson); with fewer the recalibrated models do, as far as the old interval was sure of them.

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
    line = fit_platt(p_wrong[rows], verdicts.wrong, _weights(verdicts, strata))
    values, low, high = line(p_wrong)
    parts = []
    for code in np.unique(strata):
        members = np.flatnonzero(strata == code)
        parts.append(_stratum(members, p_wrong, values, verdicts.within(strata == code), rate))
    return Recalibrated(values, low, high, stratified(parts), line)


def _weights(verdicts: Verdicts, strata: NDArray[np.integer]) -> Floats:
    """(n,) sampling weights, tempered, with mean 1."""
    sizes = np.bincount(strata, minlength=3)
    taken = np.bincount(strata[verdicts.rows], minlength=3)
    own = strata[verdicts.rows]
    weights: Floats = (sizes[own] / taken[own]) ** TEMPERED
    weights /= weights.mean()
    return weights


def _stratum(
    members: NDArray[np.intp],
    before: Floats,
    after: Floats,
    verdicts: Verdicts,
    rate: Interval,
) -> Stratum:
    """What is known of one stratum and how the rest of it is estimated."""
    rest = np.setdiff1d(members, verdicts.rows, assume_unique=True)
    models = float(after[rest].mean()) if rest.size else 0.0
    drawn = verdicts.wrong[verdicts.drawn]
    if drawn.size >= ENOUGH:
        estimate = (drawn.sum() + PRIOR_VERDICTS * models) / (drawn.size + PRIOR_VERDICTS)
        share = Interval.ordered(estimate, *wilson(float(drawn.sum()), drawn.size))
    else:
        old = float(before[rest].mean()) if rest.size else 0.0
        doubt = max(rate.estimate, 1e-9)
        low = min(models, old) * rate.low / doubt
        share = Interval.ordered(models, low, max(models, old) * rate.high / doubt)
    return Stratum(
        size=len(members),
        known=len(verdicts),
        known_wrong=int(verdicts.wrong.sum()),
        rest=share,
        sampled=drawn.size >= ENOUGH,
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

    What is decided is known. Of the rest, each stratum that controls were drawn from speaks for its
    own part of the tier: with 10 controls or more by Clopper and Pearson's one-sided bound, with
    fewer by the recalibrated models, but no better than `bound`, the promise without verdicts.

    Parameters
    ----------
    chosen : (N,) bool, the samples of the tier
    fused : has (N,) `p_wrong` and `p_wrong_low`, recalibrated
    strata : (N,) int, as given to `recalibrate`
    verdicts : all of them
    """
    parts, drawn, left = [], 0, 0
    for code in np.unique(strata[chosen]):
        cell = chosen & (strata == code)
        inside = verdicts.within(cell)
        drawn += int(inside.drawn.sum())
        rest = np.setdiff1d(np.flatnonzero(cell), inside.rows, assume_unique=True)
        left += rest.size
        parts.append(
            Stratum(
                size=int(cell.sum()),
                known=len(inside),
                known_wrong=int(inside.wrong.sum()),
                rest=_cell(fused, rest, inside.wrong[inside.drawn], bound),
                sampled=inside.drawn.sum() >= ENOUGH,
            )
        )
    whole = stratified(parts)
    return Precision(whole.estimate, whole.low, verified=drawn >= VERIFIED or not left)


def _cell(fused: Scored, rest: NDArray[np.intp], drawn: Bools, bound: float) -> Interval:
    """Share of wrong labels among the undecided samples of one cell."""
    if not rest.size:
        return Interval(0.0, 0.0, 0.0)
    models, low = float(fused.p_wrong[rest].mean()), float(fused.p_wrong_low[rest].mean())
    expected = (float(drawn.sum()) + PRIOR_VERDICTS * models) / (drawn.size + PRIOR_VERDICTS)
    if drawn.size >= ENOUGH:
        low = clopper_pearson_low(int(drawn.sum()), drawn.size)
    else:
        low = min(low, bound)
    return Interval.ordered(expected, low, 1.0)
