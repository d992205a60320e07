"""Votes -> P(true class): the model of Dawid & Skene with annotators shrunk towards their crowd.

Each annotator has a confusion matrix `P(says l | true k)`. Plain maximum likelihood (Dawid & Skene,
Applied Statistics 1979) gives somebody with three votes a matrix of zeros and ones; here a few
pseudo-votes pull every annotator towards the crowd's matrix, and the crowd's towards a coin that
is right at a common rate. Annotators are also not independent: they miss the same hard samples. So
the votes' joint likelihood is raised to a power that is fitted by how well the other votes of a
sample predict each vote; neither needs a truth.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from service.votes.table import Votes

Floats = NDArray[np.float64]

OWN, CROWD = 4.0, 4.0  # pseudo-votes for each true class
POWERS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
ITERATIONS, TOLERANCE = 100, 1e-4
LARGEST_TABLE = 20_000_000  # numbers in all confusion matrices together; beyond it, one rate each
SURELY = 1.0 - 1e-6
FLOOR = 1e-9


@dataclass(frozen=True)
class Consensus:
    """What the votes say, sample by sample.

    Attributes
    ----------
    probabilities : (n_samples, C), P(true class | votes); the prior where nobody voted
    log_likelihood : (n_samples, C), log P(votes | true class), tempered by `power`; 0 without votes
    crowd : (C, C), P(said | true) of all annotators together, rows = true class
    confusion : (A, C, C) of each annotator, or None where that would be too large
    accuracy : (A,) P(says the true class), by the classes' own frequency
    power : in (0, 1], 1 where votes are independent given the truth
    prior : (C,) class frequencies
    """

    probabilities: Floats
    log_likelihood: Floats
    crowd: Floats
    confusion: Floats | None
    accuracy: Floats
    power: float
    prior: Floats

    @property
    def label(self) -> NDArray[np.intp]:
        """(n_samples,) the most probable class."""
        label: NDArray[np.intp] = self.probabilities.argmax(axis=1)
        return label


def majority(votes: Votes) -> tuple[NDArray[np.intp], Floats]:
    """(N,) the most voted class, -1 without votes, the smallest index on a tie; (N,) its share."""
    counts = votes.counts()
    share = counts.max(axis=1) / np.maximum(votes.totals, 1.0)
    return np.where(votes.voted, counts.argmax(axis=1), -1), share


def dawid_skene(
    votes: Votes,
    *,
    prior: Floats | None = None,
    own: float = OWN,
    crowd: float = CROWD,
    tempered: bool = True,
) -> Consensus:
    """Fit every annotator's confusion matrix and P(true class) by expectation maximisation.

    Parameters
    ----------
    votes : Votes
    prior : (n_samples, C), optional
        P(true class) of each sample before the votes, as models see it. Class frequencies,
        estimated along the way, if left out.
    own, crowd : float, >= 0
        Pseudo-votes of a true class that pull an annotator to the crowd, and the crowd to a coin
        with one rate. Both 0 and `tempered=False` is Dawid and Skene's own estimate.
    tempered : bool
        Fit the power of the votes' likelihood; else it is 1.
    """
    chance = np.log(np.maximum(prior, FLOOR)) if prior is not None else None
    posterior = (votes.counts() + FLOOR) / (votes.totals[:, None] + FLOOR * votes.n_classes)
    if prior is not None:
        posterior = np.where(votes.voted[:, None], posterior * np.maximum(prior, FLOOR), prior)
        posterior /= posterior.sum(axis=1, keepdims=True)
    for _ in range(ITERATIONS):
        table = _Table.fitted(votes, posterior, own, crowd)
        start = chance if chance is not None else np.log(np.maximum(table.prior, FLOOR))
        after = _normalised(votes.summed(table.of_votes(votes) * votes.count[:, None]) + start)
        change = float(np.abs(after - posterior).max(initial=0.0))
        posterior = after
        if change < TOLERANCE:
            break
    said = table.of_votes(votes) * votes.count[:, None]
    start = np.broadcast_to(start, posterior.shape)
    power = _power(votes, table, start) if tempered else 1.0
    likelihood = power * votes.summed(said)
    return Consensus(
        probabilities=_normalised(likelihood + start),
        log_likelihood=likelihood,
        crowd=table.crowd,
        confusion=table.matrices,
        accuracy=table.accuracy,
        power=power,
        prior=table.prior,
    )


def others_say(votes: Votes, consensus: Consensus, prior: Floats | None = None) -> Floats:
    """(V, C) P(true class) as the other votes of the same sample have it; one vote is left out.

    The prior where a sample has no other vote.
    """
    table = _Table(consensus.crowd, consensus.confusion, consensus.accuracy, consensus.prior)
    start = np.log(np.maximum(consensus.prior if prior is None else prior, FLOOR))
    start = np.broadcast_to(start, consensus.probabilities.shape)
    return _without_each(votes, table.of_votes(votes), start, consensus.power)


@dataclass(frozen=True)
class _Table:
    """What annotators say of each true class."""

    crowd: Floats  # (C, C)
    matrices: Floats | None  # (A, C, C)
    accuracy: Floats  # (A,)
    prior: Floats  # (C,)

    @classmethod
    def fitted(cls, votes: Votes, posterior: Floats, own: float, crowd: float) -> "_Table":
        """The M step."""
        n_classes, people = votes.n_classes, len(votes.annotators)
        voted = posterior[votes.voted]
        prior = (voted.sum(axis=0) + FLOOR) / (len(voted) + FLOOR * n_classes)
        weight = posterior[votes.sample] * votes.count[:, None]  # (V, C)
        said = np.zeros((n_classes, n_classes))
        np.add.at(said.T, votes.label, weight)
        right = np.take_along_axis(weight, votes.label[:, None], axis=1)[:, 0]
        rate = (float(right.sum()) + 0.5) / (float(votes.count.sum()) + 1.0)
        everyone = _rows(said + crowd * _coin(rate, n_classes))
        if people * n_classes**2 > LARGEST_TABLE:
            by_person = np.bincount(votes.annotator, weights=right, minlength=people)
            totals = np.bincount(votes.annotator, weights=votes.count, minlength=people)
            accuracy = (by_person + own * rate) / np.maximum(totals + own, FLOOR)
            return cls(everyone, None, accuracy, prior)
        counts = np.empty((n_classes, people * n_classes))
        place = votes.annotator * n_classes + votes.label
        for true in range(n_classes):
            counts[true] = np.bincount(place, weight[:, true], people * n_classes)
        matrices = counts.reshape(n_classes, people, n_classes).transpose(1, 0, 2)
        matrices = _rows(matrices + own * everyone)
        accuracy = np.einsum("akk,k->a", matrices, prior)
        return cls(everyone, matrices, accuracy, prior)

    def of_votes(self, votes: Votes) -> Floats:
        """(V, C) log P(what was said | true class) of each vote."""
        if self.matrices is not None:
            chosen = self.matrices[votes.annotator, :, votes.label]
            return np.log(np.maximum(chosen, FLOOR))
        accuracy = np.clip(self.accuracy, FLOOR, SURELY)[votes.annotator]
        elsewhere = np.log((1 - accuracy) / max(1, votes.n_classes - 1))
        result = np.repeat(elsewhere[:, None], votes.n_classes, axis=1)
        result[np.arange(len(votes)), votes.label] = np.log(accuracy)
        return result


def _power(votes: Votes, table: _Table, start: Floats) -> float:
    """The power under which the others' votes predict each vote best."""
    told = (votes.totals[votes.sample] > 1) & (votes.count > 0)
    if not told.any():
        return 1.0
    said = table.of_votes(votes)

    def fit(power: float) -> float:
        log_others = np.log(np.maximum(_without_each(votes, said, start, power), FLOOR))
        predicted = logsumexp(log_others + said, axis=1)
        return float((predicted * votes.count)[told].sum())

    return max(POWERS, key=fit)


def _without_each(votes: Votes, said: Floats, start: Floats, power: float) -> Floats:
    whole = votes.summed(said * votes.count[:, None])[votes.sample]
    return _normalised(power * (whole - said) + start[votes.sample])


def _normalised(logits: Floats) -> Floats:
    result: Floats = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))
    return result


def _rows(counts: Floats) -> Floats:
    totals = counts.sum(axis=-1, keepdims=True)
    uniform = 1.0 / counts.shape[-1]
    result: Floats = np.where(totals > 0, counts / np.maximum(totals, FLOOR), uniform)
    return result


def _coin(rate: float, n_classes: int) -> Floats:
    coin = np.full((n_classes, n_classes), (1 - rate) / max(1, n_classes - 1))
    np.fill_diagonal(coin, rate)
    return coin
