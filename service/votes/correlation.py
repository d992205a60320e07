"""How much annotators of one sample have in common beyond the truth.

Annotators confuse the same classes for the same pictures, so the fifth vote adds less than the
first. Pairs that agree show it where models estimate the truth without the votes: with the chance
`rho` the second of two votes repeats the first, else both are independent given the truth. Of `n`
such votes `n / (1 + (n - 1) rho)` count (the design effect of Kish, 1965).
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from service.votes.table import Votes

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

ITERATIONS = 30
POWERS = (0.0, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0)
LARGEST_DISTANCE = 10  # pairs of votes further apart in a sample's list tell nothing new
FLOOR = 1e-9


def correlation(votes: Votes, chances: Floats, crowd: Floats) -> float:
    """`rho` in [0, 1], the most probable one given all pairs of votes.

    Parameters
    ----------
    votes : Votes
    chances : (n_samples, C) P(true class) by models that have not seen the votes
    crowd : (C, C) P(said | true) to begin with; fitted to single votes, which know nothing of rho
    """
    chances, said = _as_single_votes_say(votes, chances, crowd)
    together, alone, weights = map(np.concatenate, zip(*_pairs(votes, chances, said), strict=True))
    if not weights.sum() > 0:
        return 0.0

    def loss(rho: float) -> float:
        chance = (1.0 - rho) * together + rho * alone
        return -float(weights @ np.log(np.maximum(chance, FLOOR)))

    return float(minimize_scalar(loss, bounds=(0.0, 1.0), method="bounded").x)


def independent_share(totals: Floats, rho: float) -> Floats:
    """What each of so many votes on one sample counts for beside a vote alone, in (0, 1]."""
    return 1.0 / (1.0 + np.maximum(totals - 1.0, 0.0) * rho)


def _as_single_votes_say(votes: Votes, chances: Floats, crowd: Floats) -> tuple[Floats, Floats]:
    """The chances, no surer than single votes support, and P(said | true) of single votes.

    Each vote counts as if it were its sample's only one. Models that are sure and wrong would make
    votes that agree against them look like copies.
    """

    def tempered(power: float) -> Floats:
        tried = chances**power
        tried /= tried.sum(axis=1, keepdims=True)
        return tried

    def fit(power: float) -> float:
        by_vote = (tempered(power)[votes.sample] * crowd.T[votes.label]).sum(axis=1)
        return float(votes.count @ np.log(np.maximum(by_vote, FLOOR)))

    tempered_chances = tempered(max(POWERS, key=fit))
    return tempered_chances, _crowd_of_single_votes(votes, tempered_chances, crowd)


def _crowd_of_single_votes(votes: Votes, chances: Floats, crowd: Floats) -> Floats:
    prior = chances[votes.sample]
    for _ in range(ITERATIONS):
        true = prior * crowd.T[votes.label]
        totals = np.maximum(true.sum(axis=1), FLOOR)
        true *= (votes.count / totals)[:, None]
        counts = np.zeros_like(crowd)
        np.add.at(counts.T, votes.label, true)
        counts += crowd  # one vote's worth keeps a class that nobody said
        crowd = counts / counts.sum(axis=1, keepdims=True)
    return crowd


def _pairs(votes: Votes, chances: Floats, said: Floats) -> Iterator[tuple[Floats, Floats, Floats]]:
    """(P(both | independent), P(both | the second repeats the first), weight) of pairs of votes.

    A sample's pairs weigh as much as its votes do, however many they are.
    """
    each = 2.0 / np.maximum(votes.totals, 2.0)
    for distance in range(min(LARGEST_DISTANCE, len(votes))):
        first = np.arange(len(votes) - distance)
        second = first + distance
        first = first[votes.sample[first] == votes.sample[second]]
        second = first + distance
        sample = votes.sample[first]
        true = chances[sample] * said.T[votes.label[first]]
        repeated = true.sum(axis=1) * (votes.label[first] == votes.label[second])
        number = votes.count[first] * (votes.count[second] if distance else votes.count[first] - 1)
        number = number if distance else number / 2.0
        independent = (true * said.T[votes.label[second]]).sum(axis=1)
        yield independent, repeated, number * each[sample]
