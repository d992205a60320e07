"""What reviewers say changes what is printed: p_wrong, the noise rate, the tiers' promises.

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
    Bands,
    banded_verdicts,
    follow,
    share_wrong,
)
from service.ranking.platt import Platt, fit_platt
from service.ranking.rate import Interval

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TEMPERED = 0.5  # power of the sampling weights in the fit: none favours the queue, one a few rows
PRIOR_VERDICTS = 4.0  # what the recalibrated models count for beside the random verdicts of a tier
ENOUGH = 10  # controls of one stratum from which on they alone bound the rest of it
FEW = 3  # controls of a tier from which on its neighbours' controls speak for it too
CERTAIN = 1e-12
VERIFIED = 20  # controls of a tier from which on its promise counts as verified


@dataclass(frozen=True)
class Verdicts:
    """n decided samples.

    Attributes
    ----------
    rows : (n,) int, distinct rows of the evidence
    wrong : (n,) bool, True where a person said that the given label is wrong
    drawn : (n,) bool, True where the sample was drawn at random among those of its place in the
        order (a control), False where it came from the head of the queue

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
    root of how many samples of its stratum it stands for, and is then bent to the isotonic
    regression of the verdicts. Of the noise rate what is decided is known. The rest of all strata
    that controls were drawn from is bounded by them together (`monotone.py`); that of the others by
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
    line = fit_platt(p_wrong[rows], verdicts.wrong, _weights(verdicts, strata))
    values, low, high = _bent(line(p_wrong), verdicts)
    seen, unseen = _drawn_from(strata, verdicts)
    parts = [
        _by_models(strata == code, p_wrong, values, verdicts.within(strata == code), rate)
        for code in unseen
    ]
    if seen.any():
        parts.append(_by_controls(seen, p_wrong, strata, verdicts.within(seen)))
    return Recalibrated(values, low, high, stratified(parts), line)


def _bent(band: tuple[Floats, Floats, Floats], verdicts: Verdicts) -> tuple[Floats, Floats, Floats]:
    """The Platt line's P(wrong) bent to what the verdicts say along it, and its ends with it."""
    logits, low, high = (logit(np.clip(values, CERTAIN, 1 - CERTAIN)) for values in band)
    bent = follow(logits, verdicts.rows, verdicts.wrong)
    return expit(bent), expit(bent + low - logits), expit(bent + high - logits)


def _drawn_from(strata: NDArray[np.integer], verdicts: Verdicts) -> tuple[Bools, list[int]]:
    """(N,) whether controls speak for the sample's stratum, and the codes of the other strata."""
    drawn = np.bincount(strata[verdicts.rows[verdicts.drawn]], minlength=3)
    codes = np.unique(strata)
    largest = np.bincount(strata).argmax()
    told = drawn >= FEW if drawn[largest] >= ENOUGH else drawn >= ENOUGH
    return told[strata], [int(code) for code in codes if not told[code]]


def _weights(verdicts: Verdicts, strata: NDArray[np.integer]) -> Floats:
    """(n,) sampling weights, tempered, with mean 1."""
    sizes = np.bincount(strata, minlength=3)
    taken = np.bincount(strata[verdicts.rows], minlength=3)
    own = strata[verdicts.rows]
    weights: Floats = (sizes[own] / taken[own]) ** TEMPERED
    weights /= weights.mean()
    return weights


def _by_controls(
    chosen: Bools, p_wrong: Floats, strata: NDArray[np.integer], verdicts: Verdicts
) -> Stratum:
    """What is known of those samples, the rest by its blind verdicts and the order alone."""
    parts = []
    for code in np.unique(strata[chosen]):
        cell = chosen & (strata == code)
        rest, drawn, wrong = _pool(cell, verdicts.within(cell))
        pool = p_wrong[np.concatenate([drawn, rest])]
        parts.append(banded_verdicts(pool, np.arange(len(drawn)), wrong))
    return Stratum(
        size=int(chosen.sum()),
        known=len(verdicts),
        known_wrong=int(verdicts.wrong.sum()),
        rest=share_wrong(Bands.joined(parts)),
    )


def _pool(chosen: Bools, verdicts: Verdicts) -> tuple[NDArray[np.intp], NDArray[np.intp], Bools]:
    """The undecided of those samples, their controls, and whether these are wrong."""
    rest = np.setdiff1d(np.flatnonzero(chosen), verdicts.rows, assume_unique=True)
    return rest, verdicts.rows[verdicts.drawn], verdicts.wrong[verdicts.drawn]


def _by_models(
    chosen: Bools, before: Floats, after: Floats, verdicts: Verdicts, rate: Interval
) -> Stratum:
    """What is known of one stratum, the rest by what the models said and say now."""
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

    What is decided is known. Of the rest, each stratum that controls were drawn from speaks for its
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
    parts, drawn, left = [], 0, 0
    for code in np.unique(strata[chosen]):
        cell = chosen & (strata == code)
        inside = verdicts.within(cell)
        drawn += int(inside.drawn.sum())
        left += int(cell.sum()) - len(inside)
        parts.append(
            Stratum(
                size=int(cell.sum()),
                known=len(inside),
                known_wrong=int(inside.wrong.sum()),
                rest=_cell(fused, cell, strata, inside, bound),
                sampled=inside.drawn.sum() >= ENOUGH,
            )
        )
    whole = stratified(parts)
    return Precision(whole.estimate, whole.low, verified=drawn >= VERIFIED or not left)


def _cell(
    fused: Scored, cell: Bools, strata: NDArray[np.integer], verdicts: Verdicts, bound: float
) -> Interval:
    """Share of wrong labels among the undecided samples of one cell."""
    rest, _, wrong = _pool(cell, verdicts)
    if not rest.size:
        return Interval(0.0, 0.0, 0.0)
    models, low = float(fused.p_wrong[rest].mean()), float(fused.p_wrong_low[rest].mean())
    n, hits = len(wrong), int(wrong.sum())
    if n < ENOUGH:
        expected = (hits + PRIOR_VERDICTS * models) / (n + PRIOR_VERDICTS)
        return Interval.ordered(expected, min(low, bound), 1.0)
    told = _by_controls(cell, fused.p_wrong, strata, verdicts).rest
    expected = (n * told.estimate + PRIOR_VERDICTS * models) / (n + PRIOR_VERDICTS)
    return Interval.ordered(expected, min(told.low, clopper_pearson_low(hits, n)), 1.0)
