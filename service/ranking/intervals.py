"""Intervals for a share that was counted: exact, score, and stratified."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from scipy.special import betaincinv, ndtri

from service.ranking.rate import Interval

LEVEL = 0.95


def clopper_pearson_low(hits: int, n: int, *, level: float = LEVEL) -> float:
    """Exact one-sided lower bound of a share, in [0, 1]; 0 where nothing was counted.

    36 of 40 give .786, 38 of 40 .851, 29 of 29 .902.
    """
    return float(betaincinv(hits, n - hits + 1, 1 - level)) if hits else 0.0


def wilson(hits: float, n: float, *, level: float = LEVEL) -> tuple[float, float]:
    """Two-sided score interval of a share (Wilson 1927); (0, 1) where nothing was counted."""
    if n <= 0:
        return 0.0, 1.0
    z = float(ndtri((1 + level) / 2))
    middle = (hits + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * sqrt(hits * (n - hits) / n + z * z / 4)
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True)
class Stratum:
    """A part of the samples: `known` of `size` are decided for certain, the rest is estimated."""

    size: int
    known: int
    known_wrong: int
    rest: Interval  # share of wrong labels among the other `size - known`
    sampled: bool = True  # False where models estimate it, whose errors are shared by all strata


def stratified(strata: Sequence[Stratum]) -> Interval:
    """Share of wrong labels over all strata.

    The ends of sampled strata, which are independent, are combined by the root of summed squares
    (MOVER; Zou & Donner, Statistics in Medicine 2008), which plain addition would make far too
    wide; the models' are added plainly.
    """
    total = max(1, sum(stratum.size for stratum in strata))
    certain = sum(stratum.known_wrong for stratum in strata) / total
    shares = [(stratum.size - stratum.known) / total for stratum in strata]
    parts = list(zip(shares, strata, strict=True))
    estimate = certain + sum(share * stratum.rest.estimate for share, stratum in parts)
    down, up = _HalfWidth(), _HalfWidth()
    for share, stratum in parts:
        rest = stratum.rest
        down.add(share * (rest.estimate - rest.low), stratum.sampled)
        up.add(share * (rest.high - rest.estimate), stratum.sampled)
    return Interval.ordered(estimate, max(certain, estimate - down.total), estimate + up.total)


@dataclass
class _HalfWidth:
    """Half a width, gathered from parts that are independent or not."""

    squares: float = 0.0
    plain: float = 0.0

    def add(self, half: float, independent: bool) -> None:
        if independent:
            self.squares += half**2
        else:
            self.plain += half

    @property
    def total(self) -> float:
        return sqrt(self.squares) + self.plain
