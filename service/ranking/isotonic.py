"""The share of wrong labels from blind verdicts, given that suspects higher up are no less wrong.

A hundred verdicts on a simple random sample give a share of .2 to within .08 only. The order of the
ranking adds to that: whatever P(wrong) is at a place of the list, it does not fall towards the top.
Under that one assumption the interval holds every share whose best non-decreasing P(wrong) is not
much less likely than the best of all (profile likelihood; isotonic regression, Ayer et al. 1955).
How densely samples are drawn may depend on their place, so they can be drawn where they help most.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import chdtri, logit

from service.ranking.rate import Interval

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEVEL = 0.95
MAX_BINS, MIN_PER_BIN = 20, 4
# Part of a hit that is added where none may have been seen, chosen on the first half of the
# packs (docs/lab/detection.md): without it twenty verdicts "right" leave too little doubt.
UNSEEN = 0.25
PSEUDO = 2.0  # pseudo-verdicts of the old log-odds beside each verdict
HALF_WEIGHT = 25.0  # verdicts from which on the regression outweighs the old log-odds
TINY = 1e-300
SMALLEST, LARGEST = -5.0, 14.0  # logarithms of the tilt that is sought


@dataclass(frozen=True)
class Bins:
    """Neighbouring parts of the list.

    Attributes
    ----------
    p_wrong : (B,) mean estimated P(wrong) of the samples, ascending
    size : (B,) samples that nobody has decided
    hits, n : (B,) blind verdicts "wrong", and all blind verdicts
    """

    p_wrong: Floats
    size: Floats
    hits: Floats
    n: Floats

    @classmethod
    def joined(cls, parts: Sequence["Bins"]) -> "Bins":
        """The bins of several strata, which may lie among each other, as one list."""
        columns = [
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("p_wrong", "size", "hits", "n")
        ]
        order = np.argsort(columns[0], kind="stable")
        return cls(*(column[order] for column in columns))


def binned_verdicts(p_wrong: Floats, controls: NDArray[np.integer], wrong: Bools) -> Bins:
    """One stratum cut between its controls so that each bin has about as many of them.

    The density of controls may jump between strata; within one it changes only gradually.

    Parameters
    ----------
    p_wrong : (N,) of the controls and of all undecided samples; decides the order alone
    controls : (n,) distinct places in it, at least one
    wrong : (n,)
    """
    ascending = np.argsort(p_wrong, kind="stable")
    rank = np.empty(len(p_wrong), dtype=np.intp)
    rank[ascending] = np.arange(len(p_wrong))
    order = np.argsort(rank[controls])
    places, hits = rank[controls][order], wrong[order].astype(np.float64)
    groups = np.array_split(
        np.arange(len(places)), max(1, min(MAX_BINS, len(places) // MIN_PER_BIN))
    )
    inner = [(places[below[-1]] + places[above[0]] + 1) // 2 for below, above in pairwise(groups)]
    n = np.array([len(group) for group in groups], dtype=np.float64)
    size = np.diff([0, *inner, len(p_wrong)]) - n
    level = [part.mean() for part in np.split(p_wrong[ascending], inner)]
    return Bins(np.array(level), size, np.array([hits[group].sum() for group in groups]), n)


def share_wrong(bins: Bins, *, level: float = LEVEL) -> Interval:
    """The share of wrong labels among the undecided samples of all bins."""
    left = bins.size > 0
    if not left.any():
        return Interval(0.0, 0.0, 0.0)
    size, hits, n = bins.size[left], bins.hits[left], bins.n[left]
    counted = size / (size + n)  # of a bin that is half decided less is unknown than its n say
    hits, n, weights = hits * counted, n * counted, size / size.sum()
    estimate = _share(_isotonic(hits, n, weights, 0.0))
    enough = float(chdtri(1, 1 - level))
    bottom, top = np.zeros(len(n)), np.zeros(len(n))
    bottom[0] = top[-1] = UNSEEN
    low = _end(hits, n + top, weights, -1.0, enough)
    high = _end(hits + bottom, n + bottom, weights, 1.0, enough)
    return Interval.ordered(estimate, low, high)


def isotonic_logits(
    logits: Floats, rows: NDArray[np.integer], wrong: Bools, *, pseudo: float = PSEUDO
) -> Floats:
    """(N,) log-odds moved towards the isotonic regression of the verdicts on them; order kept.

    The regression's blocks, in which the old log-odds count as `pseudo` verdicts beside each, are
    the nodes of an increasing line, which weighs the more the more verdicts there are.

    Parameters
    ----------
    logits : (N,)
    rows : (n,) the decided samples, at least one
    wrong : (n,)
    """
    order = np.argsort(logits[rows], kind="stable")
    given = logits[rows][order]
    hits = wrong[order] + pseudo / (1.0 + np.exp(-given))
    n = np.full(len(order), 1.0 + pseudo)
    blocks = _isotonic(hits, n, np.zeros(len(order)), 0.0)
    ends = np.cumsum([block.length for block in blocks])
    centres = np.array([part.mean() for part in np.split(given, ends[:-1])])
    values = logit(np.array([block.p for block in blocks]))
    bent = np.interp(logits, centres, values)
    bent += np.minimum(logits - centres[0], 0.0) + np.maximum(logits - centres[-1], 0.0)
    weight = len(order) / (len(order) + HALF_WEIGHT)
    result: Floats = (1.0 - weight) * logits + weight * bent
    return result


@dataclass
class _Block:
    """Neighbouring bins with one P(wrong), the best under the tilt."""

    hits: float
    n: float
    weight: float
    length: int
    p: float


def _isotonic(
    hits: Sequence[float] | Floats, n: Floats, weights: Floats, tilt: float
) -> list[_Block]:
    """The non-decreasing p of the largest log-likelihood + tilt * sum(weights * p)."""
    blocks: list[_Block] = []
    for hit, count, weight in zip(hits, n, weights, strict=True):
        one = _Block(float(hit), float(count), float(weight), 1, 0.0)
        one.p = _best(one.hits, one.n, tilt * one.weight)
        while blocks and blocks[-1].p >= one.p:
            last = blocks.pop()
            one = _Block(
                last.hits + one.hits,
                last.n + one.n,
                last.weight + one.weight,
                last.length + one.length,
                0.0,
            )
            one.p = _best(one.hits, one.n, tilt * one.weight)
        blocks.append(one)
    return blocks


def _best(hits: float, n: float, tilt: float) -> float:
    """Maximises hits * log p + (n - hits) * log(1 - p) + tilt * p over [0, 1]."""
    b = n - tilt
    root = sqrt(max(b * b + 4 * tilt * hits, 0.0))
    if b < 0:
        return min(1.0, (root - b) / (2 * tilt))
    return min(1.0, 2 * hits / (b + root)) if hits else 0.0


def _end(hits: Floats, n: Floats, weights: Floats, sign: float, enough: float) -> float:
    """The share at which the likelihood has fallen so far from its best, upwards or downwards."""
    best = _log_likelihood(_isotonic(hits, n, weights, 0.0))

    def excess(size: float) -> float:
        tilted = _isotonic(hits, n, weights, sign * exp(size))
        return 2 * (best - _log_likelihood(tilted)) - enough

    size = LARGEST if excess(LARGEST) < 0 else brentq(excess, SMALLEST, LARGEST, xtol=1e-3)
    return _share(_isotonic(hits, n, weights, sign * exp(size)))


def _log_likelihood(blocks: list[_Block]) -> float:
    return sum(
        block.hits * log(max(block.p, TINY)) + (block.n - block.hits) * log(max(1 - block.p, TINY))
        for block in blocks
    )


def _share(blocks: list[_Block]) -> float:
    return sum(block.weight * block.p for block in blocks)
