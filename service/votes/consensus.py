"""Votes -> P(true class): the model of Dawid & Skene with annotators shrunk towards their crowd.

Each annotator has a confusion matrix `P(says l | true k)`. Plain maximum likelihood (Dawid & Skene,
Applied Statistics 1979) gives somebody with three votes a matrix of zeros and ones; here a few
pseudo-votes pull every annotator towards the crowd's matrix, and the crowd's towards one with a
common accuracy and uniform errors. Annotators are also not independent: they miss the same hard
samples. So the votes' joint likelihood is raised to a power that is fitted by how well the other
votes of a sample predict each vote; neither needs a truth. Where there are models too, the votes of
one sample count for no more than their correlation allows (`correlation.py`).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from service.votes.correlation import correlation, independent_share
from service.votes.table import Votes

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

OWN, CROWD = 4.0, 4.0  # pseudo-votes for each true class
POWERS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
MODEL_POWERS = (0.5, 0.7, 1.0, 1.4, 2.0, 3.0)
ITERATIONS, TOLERANCE = 100, 1e-4
LARGEST_TABLE = 20_000_000  # numbers in all confusion matrices together; beyond it, one rate each
SURELY = 1.0 - 1e-6
FLOOR = 1e-9


@dataclass(frozen=True)
class ModelEvidence:
    """The models' probabilities, and the given labels that they have used already.

    Attributes
    ----------
    prior : (n_samples, C) P(true class | models, given label)
    given : (n_samples,) int, the given label where annotators voted for it, so that it may be one
        of their votes or follow from them; -1 where the label is evidence of its own
    """

    prior: Floats
    given: Integers


@dataclass(frozen=True)
class Consensus:
    """P(true class) by the votes, and the fitted annotators.

    Attributes
    ----------
    probabilities : (n_samples, C), P(true class | votes); the prior where nobody voted
    crowd : (C, C), P(said | true) of all annotators together, rows = true class
    confusion : (A, C, C) of each annotator, or None where that would be too large
    accuracy : (A,) P(says the true class), by the classes' own frequency
    prior : (C,) class frequencies
    power : in (0, 1], 1 where votes are independent given the truth
    rho : in [0, 1], how much votes on one sample repeat each other beyond the truth
    given : (C, C), P(given | true) of the given labels that models have used; None without models
    model_power : power of the models' evidence once the given label is taken out of it
    """

    probabilities: Floats
    crowd: Floats
    confusion: Floats | None
    accuracy: Floats
    prior: Floats
    power: float = 1.0
    rho: float = 0.0
    given: Floats | None = None
    model_power: float = 1.0

    @property
    def label(self) -> NDArray[np.intp]:
        """(n_samples,) the most probable class."""
        label: NDArray[np.intp] = self.probabilities.argmax(axis=1)
        return label

    def posterior(self, votes: Votes, models: ModelEvidence | None = None) -> Floats:
        """(n_samples, C) P(true class) by any votes of the same annotators, and the models."""
        total = votes.summed(self.log_likelihoods(votes) * votes.count[:, None])
        return _normalised(self.log_prior(votes, models) + self.powers(votes)[:, None] * total)

    def powers(self, votes: Votes) -> Floats:
        """(n_samples,) the power that each sample's votes count with."""
        return np.minimum(self.power, independent_share(votes.totals, self.rho))

    def leave_one_out(self, votes: Votes, models: ModelEvidence | None = None) -> Floats:
        """(V, C) P(true class) by the models and the other votes of the sample; one is left out."""
        own = self.log_likelihoods(votes)
        total = votes.summed(own * votes.count[:, None])[votes.sample]
        return _normalised(self.log_prior(votes, models)[votes.sample] + self.power * (total - own))

    def log_score(self, votes: Votes, models: ModelEvidence | None = None) -> float:
        """Mean log probability of each vote given the models and the other votes of its sample."""
        others = np.log(np.maximum(self.leave_one_out(votes, models), FLOOR))
        by_vote = logsumexp(others + self.log_likelihoods(votes), axis=1)
        return float(np.average(by_vote, weights=votes.count)) if len(votes) else 0.0

    def log_prior(self, votes: Votes, models: ModelEvidence | None) -> Floats:
        """(n_samples, C) log P(true class) before the votes and any given label of theirs."""
        if models is None:
            shape = (votes.n_samples, votes.n_classes)
            return np.broadcast_to(np.log(np.maximum(self.prior, FLOOR)), shape)
        logs = np.log(np.maximum(models.prior, FLOOR))
        if self.given is not None:
            rows = np.flatnonzero(models.given >= 0)
            logs[rows] -= np.log(np.maximum(self.given, FLOOR))[:, models.given[rows]].T
        return self.model_power * logs

    def log_likelihoods(self, votes: Votes) -> Floats:
        """(V, C) log P(what was said | true class) of each vote."""
        if self.confusion is not None:
            chosen = self.confusion[votes.annotator, :, votes.label]
            return np.log(np.maximum(chosen, FLOOR))
        accuracy = np.clip(self.accuracy, FLOOR, SURELY)[votes.annotator]
        elsewhere = np.log((1 - accuracy) / max(1, votes.n_classes - 1))
        result = np.repeat(elsewhere[:, None], votes.n_classes, axis=1)
        result[np.arange(len(votes)), votes.label] = np.log(accuracy)
        return result


def majority(votes: Votes) -> tuple[NDArray[np.intp], Floats]:
    """(N,) the most voted class, -1 without votes, the smallest index on a tie; (N,) its share."""
    counts = votes.counts()
    share = counts.max(axis=1) / np.maximum(votes.totals, 1.0)
    return np.where(votes.voted, counts.argmax(axis=1), -1), share


def dawid_skene(
    votes: Votes,
    *,
    models: ModelEvidence | None = None,
    own: float = OWN,
    crowd: float = CROWD,
    tempered: bool = True,
) -> Consensus:
    """Fit every annotator's confusion matrix and P(true class) by expectation maximisation.

    Parameters
    ----------
    votes : Votes
    models : ModelEvidence, optional
        Class frequencies take their place if omitted.
    own, crowd : float, >= 0
        Pseudo-votes of a true class that pull an annotator to the crowd, and the crowd to uniform
        errors at one rate. Both 0 and `tempered=False` is Dawid and Skene's own estimate.
    tempered : bool
        Fit the powers of the votes' likelihood and of the models'; else both are 1.
    """
    posterior = (votes.counts() + FLOOR) / (votes.totals[:, None] + FLOOR * votes.n_classes)
    if models is not None:
        posterior = np.where(votes.voted[:, None], posterior, 1.0) * np.maximum(models.prior, FLOOR)
        posterior /= posterior.sum(axis=1, keepdims=True)
    for _ in range(ITERATIONS):
        found = _maximise(votes, posterior, models, own, crowd)
        after = found.posterior(votes, models)
        change = float(np.abs(after - posterior).max(initial=0.0))
        posterior = after
        if change < TOLERANCE:
            break
    if tempered:
        found = _tempered(found, votes, models)
    return replace(found, probabilities=found.posterior(votes, models))


def _maximise(
    votes: Votes, posterior: Floats, models: ModelEvidence | None, own: float, crowd: float
) -> Consensus:
    """The M step."""
    n_classes, people = votes.n_classes, len(votes.annotators)
    voted = posterior[votes.voted]
    prior = (voted.sum(axis=0) + FLOOR) / (len(voted) + FLOOR * n_classes)
    weight = posterior[votes.sample] * votes.count[:, None]  # (V, C)
    said = np.zeros((n_classes, n_classes))
    np.add.at(said.T, votes.label, weight)
    right = np.take_along_axis(weight, votes.label[:, None], axis=1)[:, 0]
    rate = (float(right.sum()) + 0.5) / (float(votes.count.sum()) + 1.0)
    everyone = _rows(said + crowd * _uniform_confusion(rate, n_classes))
    given = None if models is None else _given(posterior, models, everyone, own)
    if people * n_classes**2 > LARGEST_TABLE:
        by_person = np.bincount(votes.annotator, weights=right, minlength=people)
        totals = np.bincount(votes.annotator, weights=votes.count, minlength=people)
        accuracy = (by_person + own * rate) / np.maximum(totals + own, FLOOR)
        return Consensus(posterior, everyone, None, accuracy, prior, given=given)
    counts = np.empty((n_classes, people * n_classes))
    place = votes.annotator * n_classes + votes.label
    for true in range(n_classes):
        counts[true] = np.bincount(place, weight[:, true], people * n_classes)
    matrices = counts.reshape(n_classes, people, n_classes).transpose(1, 0, 2)
    matrices = _rows(matrices + own * everyone)
    accuracy = np.einsum("akk,k->a", matrices, prior)
    return Consensus(posterior, everyone, matrices, accuracy, prior, given=given)


def _given(posterior: Floats, models: ModelEvidence, everyone: Floats, own: float) -> Floats:
    """P(given | true) of the labels that may be votes themselves."""
    rows = np.flatnonzero(models.given >= 0)
    counts = np.zeros_like(everyone)
    np.add.at(counts.T, models.given[rows], posterior[rows])
    return _rows(counts + own * everyone)


def _tempered(found: Consensus, votes: Votes, models: ModelEvidence | None) -> Consensus:
    """The powers under which models and other votes predict each vote best."""
    checked = votes
    if models is None:
        checked = votes.of_samples(np.flatnonzero(votes.totals > 1), renumber=False)
    if not len(checked):
        return found
    for _ in range(1 if models is None else 2):
        tried = [replace(found, power=power) for power in POWERS]
        found = max(tried, key=lambda one: one.log_score(checked, models))
        if models is not None:
            tried = [replace(found, model_power=power) for power in MODEL_POWERS]
            found = max(tried, key=lambda one: one.log_score(checked, models))
    if models is not None:
        untempered = replace(found, model_power=1.0).log_prior(votes, models)
        found = replace(found, rho=correlation(votes, _normalised(untempered), found.crowd))
    return found


def _normalised(logits: Floats) -> Floats:
    result: Floats = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))
    return result


def _rows(counts: Floats) -> Floats:
    totals = counts.sum(axis=-1, keepdims=True)
    uniform = 1.0 / counts.shape[-1]
    result: Floats = np.where(totals > 0, counts / np.maximum(totals, FLOOR), uniform)
    return result


def _uniform_confusion(rate: float, n_classes: int) -> Floats:
    confusion = np.full((n_classes, n_classes), (1 - rate) / max(1, n_classes - 1))
    np.fill_diagonal(confusion, rate)
    return confusion
