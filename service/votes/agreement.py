"""How far annotators agree beyond chance: Krippendorff's alpha, Fleiss' kappa, and intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from service.votes.table import Votes

Floats = NDArray[np.float64]

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """`low <= value <= high`, a 95 % interval; all at most 1, 1 = full agreement, 0 = chance."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Agreement:
    """Agreement over the samples that have two votes or more.

    Attributes
    ----------
    samples : how many those are
    observed : mean share of agreeing pairs of votes on a sample, in [0, 1]
    alpha : Krippendorff's, nominal (Krippendorff, Content Analysis, 2004); samples weigh by votes
    kappa : Fleiss' (Psychological Bulletin 1971), for any number of votes; samples weigh alike
    Each is None where no sample has two votes; alpha and kappa also where every vote is the same
    class, for then nothing tells agreement from chance.
    """

    samples: int
    observed: Estimate | None
    alpha: Estimate | None
    kappa: Estimate | None


def agreement(votes: Votes) -> Agreement:
    """Coefficients with intervals by the delta method over samples (linear in votes, no drawing).

    Samples are what is drawn; the same annotators are taken as given.
    """
    counts = votes.counts()[votes.totals > 1]
    totals = counts.sum(axis=1)
    n = len(counts)
    if not n:
        return Agreement(0, None, None, None)
    agreeing = ((counts * (counts - 1)).sum(axis=1)) / (totals * (totals - 1))
    observed = _estimate(float(agreeing.mean()), (agreeing - agreeing.mean()) / n)
    share = counts.sum(axis=0) / totals.sum()
    if share.max() == 1.0:
        return Agreement(n, observed, None, None)
    drift = (counts - share * totals[:, None]) / totals.sum()  # of `share`, by sample
    return Agreement(
        n,
        observed,
        alpha=_alpha(agreeing, totals, share, drift),
        kappa=_kappa(agreeing, share, drift),
    )


def _alpha(agreeing: Floats, totals: Floats, share: Floats, drift: Floats) -> Estimate:
    total = totals.sum()
    disagreement = float(((1 - agreeing) * totals).sum() / total)
    small = total / (total - 1)  # pairs of votes are drawn without putting back
    chance = float(small * (1 - (share**2).sum()))
    d_observed = ((1 - agreeing) - disagreement) * totals / total
    d_chance = -2 * small * drift @ share
    influence = -(d_observed - disagreement / chance * d_chance) / chance
    return _estimate(1 - disagreement / chance, influence)


def _kappa(agreeing: Floats, share: Floats, drift: Floats) -> Estimate:
    chance = float((share**2).sum())
    value = (float(agreeing.mean()) - chance) / (1 - chance)
    d_observed = (agreeing - agreeing.mean()) / len(agreeing)
    d_chance = 2 * drift @ share
    return _estimate(value, (d_observed - (1 - value) * d_chance) / (1 - chance))


def _estimate(value: float, influence: Floats) -> Estimate:
    n = len(influence)
    if n < 2:
        return Estimate(value, min(-1.0, value), 1.0)
    error = float(np.sqrt((influence**2).sum() * n / (n - 1)))
    half = float(t.ppf((1 + LEVEL) / 2, n - 1)) * error
    return Estimate(value, max(-1.0, value - half), min(1.0, value + half))
