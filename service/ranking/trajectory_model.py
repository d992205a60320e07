"""P(given label wrong) from the shape of a sample's trajectory alone, without any clean label.

Per given class the samples are a mixture of two kinds: those that the replicas learn as their class
is learned, and those that they resist. The margin is ranked within the given class, so that a class
that is hard as a whole is not taken for a noisy one. The noise that this describes depends on the
sample and on the class, and no noise matrix is assumed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtri

from service.ranking.signals import Signal
from service.ranking.trajectory import Trajectory

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]

MIN_OWN_MIXTURE = 50  # smaller classes are ranked together and have the pooled mixture
# Chosen on fourteen cases of both halves of the packs: it is a signal, no part of the fusion.
PRIOR_SAMPLES = 200.0  # a class departs from the pooled mixture as if that were so many samples
RIDGE = 0.2  # added to each covariance's diagonal: features say much the same thing
ITERATIONS, CLASS_ITERATIONS = 40, 5
LARGEST_RATE = 0.5  # beyond it the two components change their meaning
ALTERNATIVE_PRIOR = 2.0  # votes that the class's own row of alternatives is worth
LATE = 3  # votes are counted over the last third of the epochs
CERTAIN = 1e-6
FLOOR = 0.02  # how far from 0 and 1 a probability counts as a feature


@dataclass(frozen=True)
class TrajectoryModel:
    """What the trajectories say about N samples with C classes.

    Attributes
    ----------
    p_wrong : (N,) in (0, 1), high = bad
    others : (N, k) classes other than the given one, most probable first, k <= C - 1
    others_share : (N, k) P(true class | given label wrong) of those; rows of all C - 1 sum to 1
    rates : (C,) estimated share of wrong labels among the samples given each class
    """

    p_wrong: Floats
    others: NDArray[np.intp]
    others_share: Floats
    rates: Floats


def fit_trajectory_model(
    trajectories: Sequence[Trajectory],
    labels: Integers,
    n_classes: int,
    signals: dict[str, Signal],
    *,
    kept: int = 5,
) -> TrajectoryModel:
    """Fit the mixture by EM and read off P(wrong) and the likely true classes.

    Two Gaussians over the features of `features`: one pooled over all samples, then one per given
    class with the pooled one as its prior (worth 200 samples). The component of wrong labels is the
    one with the lower mean margin; where a class would turn them round it keeps the pooled one.
    P(true = k | wrong) is the votes for k over the last third of the epochs, smoothed by the mean
    row of the samples given the same class, each weighted by its own P(wrong).

    Parameters
    ----------
    trajectories : at least one shard over the same N samples
    labels : (N,) given labels
    signals : `trajectory_signals` of the same samples

    Raises
    ------
    ValueError
        There is no trajectory.
    """
    if not trajectories:
        raise ValueError("a trajectory model needs at least one trajectory")
    groups = class_groups(labels, n_classes)
    values = features(trajectories, groups, signals)
    outside = signals["disagreement_out_of_bag"].astype(np.float64)
    doubt = np.where(np.isnan(outside), 1.0 - signals["p_given"], outside)
    log_odds, rates = _mixture(values, doubt, groups)
    p_wrong = expit(np.clip(log_odds, logit(CERTAIN), -logit(CERTAIN)))
    votes = _late_votes(trajectories, n_classes)
    others, share = _alternatives(votes, labels, p_wrong, min(kept, max(1, n_classes - 1)))
    return TrajectoryModel(p_wrong, others, share, _by_class(rates, labels, groups, n_classes))


def class_groups(labels: Integers, n_classes: int) -> NDArray[np.intp]:
    """(N,) groups 1, 2, ... of one given class each; group 0 holds all classes below 50."""
    counts = np.bincount(labels, minlength=n_classes)
    large = np.flatnonzero(counts >= MIN_OWN_MIXTURE)
    group_of = np.zeros(n_classes, dtype=np.intp)
    group_of[large] = np.arange(1, len(large) + 1)
    result: NDArray[np.intp] = group_of[labels]
    return result


def normal_scores(values: NDArray[np.floating], groups: NDArray[np.intp]) -> Floats:
    """(N,) normal score of each value's rank within its group; ties share their mean rank.

    `Phi^-1((rank - 1/2) / n)` with ranks from 1, after which every group is standard normal.
    """
    order = np.lexsort((values, groups))
    sorted_values, sorted_groups = values[order], groups[order]
    place = np.arange(len(values))
    new_group = np.r_[True, sorted_groups[1:] != sorted_groups[:-1]]
    new_run = new_group | np.r_[True, sorted_values[1:] != sorted_values[:-1]]
    run = np.cumsum(new_run) - 1
    first = place[new_run]
    last = np.r_[first[1:], len(values)] - 1
    begin = place[new_group][np.cumsum(new_group) - 1]
    size = np.bincount(groups)[sorted_groups]
    middle = (first[run] + last[run]) / 2 - begin
    scores = np.empty(len(values))
    scores[order] = ndtri((middle + 0.5) / size)
    return scores


def features(
    trajectories: Sequence[Trajectory], groups: NDArray[np.intp], signals: dict[str, Signal]
) -> Floats:
    """(N, 5) features, all but the second low = bad.

    The mean over epochs of the margin's normal score within the group, and how far it rises from
    the first to the second half of training; and on the logit scale, standardised, the probability
    of the given label over all replicas, over those that never trained on the sample, and the share
    of (epoch, replica) pairs that predict it. Read one epoch at a time: memory is linear in N.
    """
    dynamics = np.zeros((len(groups), 3))
    replicas = sum(trajectory.replicas for trajectory in trajectories)
    for trajectory in trajectories:
        dynamics += trajectory.replicas / replicas * _dynamics(trajectory, groups)
    inside, outside = signals["p_given"], signals["p_given_out_of_bag"]
    chances = (inside, np.where(np.isnan(outside), inside, outside), dynamics[:, 2])
    return np.column_stack([dynamics[:, :2], *(_standardised(p) for p in chances)])


def _standardised(probability: NDArray[np.floating]) -> Floats:
    logits: Floats = logit(np.clip(probability.astype(np.float64), FLOOR, 1 - FLOOR))
    result: Floats = (logits - logits.mean()) / (logits.std() + FLOOR)
    return result


def _dynamics(trajectory: Trajectory, groups: NDArray[np.intp]) -> Floats:
    """(N, 3): mean normal score of the margin, its late minus early half, share predicted right.

    A prediction is right where the margin is positive.
    """
    total, drift, right = (np.zeros(len(groups)) for _ in range(3))
    for epoch in range(trajectory.epochs):
        margin = np.asarray(trajectory.margin[epoch], dtype=np.float32)  # (N, K)
        score = normal_scores(margin.mean(axis=1), groups)
        total += score
        drift += score if epoch >= trajectory.epochs / 2 else -score
        right += (margin > 0).mean(axis=1)
    return np.column_stack([total, drift, right]) / trajectory.epochs


@dataclass(frozen=True)
class _Component:
    mean: Floats  # (F,)
    covariance: Floats  # (F, F)

    def log_density(self, values: Floats) -> Floats:
        """(n,) up to the constant that all components share."""
        factor = np.linalg.cholesky(self.covariance)
        white = np.linalg.inv(factor) @ (values - self.mean).T
        result: Floats = -0.5 * (white**2).sum(axis=0) - np.log(np.diag(factor)).sum()
        return result


@dataclass(frozen=True)
class _Mixture:
    rate: float
    right: _Component
    wrong: _Component

    def log_odds(self, values: Floats) -> Floats:
        """(n,) log-odds of the component of wrong labels."""
        rate = min(max(self.rate, CERTAIN), LARGEST_RATE)
        odds = self.wrong.log_density(values) - self.right.log_density(values)
        result: Floats = odds + np.log(rate / (1 - rate))
        return result


def _mixture(values: Floats, doubt: Floats, groups: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Log-odds of wrong (N,) and the rate of every group; EM starts from `doubt` (N,) in [0, 1]."""
    pooled = _maximise(values, doubt, None)
    for _ in range(ITERATIONS):
        pooled = _maximise(values, expit(pooled.log_odds(values)), None)
    log_odds = pooled.log_odds(values)
    rates = np.full(int(groups.max(initial=0)) + 1, pooled.rate)
    for group in range(1, len(rates)):
        rows = np.flatnonzero(groups == group)
        own = pooled
        for _ in range(CLASS_ITERATIONS):
            own = _maximise(values[rows], expit(own.log_odds(values[rows])), pooled)
        if own.wrong.mean[0] < own.right.mean[0]:
            log_odds[rows], rates[group] = own.log_odds(values[rows]), own.rate
    return log_odds, rates


def _maximise(values: Floats, wrong: Floats, prior: _Mixture | None) -> _Mixture:
    """The M step; `prior` counts for PRIOR_SAMPLES samples of each component's share."""
    strength = 0.0 if prior is None else PRIOR_SAMPLES
    expected = 0.0 if prior is None else prior.rate * strength
    rate = (wrong.sum() + expected + 0.5) / (len(wrong) + strength + 1.0)
    right = _component(values, 1 - wrong, prior.right if prior else None, strength)
    error = _component(values, wrong, prior.wrong if prior else None, strength)
    if prior is None and error.mean[0] > right.mean[0]:
        error, right, rate = right, error, 1 - rate
    return _Mixture(float(min(rate, LARGEST_RATE)), right, error)


def _component(
    values: Floats, weights: Floats, prior: _Component | None, strength: float
) -> _Component:
    total = weights.sum() + strength + 1e-9
    first = weights @ values
    if prior is not None:
        first = first + strength * prior.mean
    mean = first / total
    centred = values - mean
    scatter = (centred * weights[:, None]).T @ centred
    if prior is not None:
        gap = prior.mean - mean
        within = prior.covariance - RIDGE * np.eye(values.shape[1])  # it is added again below
        scatter = scatter + strength * (within + np.outer(gap, gap))
    return _Component(mean, scatter / total + RIDGE * np.eye(values.shape[1]))


def _late_votes(trajectories: Sequence[Trajectory], n_classes: int) -> NDArray[np.float32]:
    """(N, C) votes over late epochs; a replica has one vote, shared among its epochs."""
    n = trajectories[0].margin.shape[1]
    votes = np.zeros((n, n_classes), dtype=np.float32)
    every = np.arange(n)
    for trajectory in trajectories:
        late = range(trajectory.epochs - max(1, trajectory.epochs // LATE), trajectory.epochs)
        for epoch in late:
            predicted = np.asarray(trajectory.predicted[epoch])
            for replica in range(trajectory.replicas):
                votes[every, predicted[:, replica]] += 1 / len(late)
    return votes


def _alternatives(
    votes: NDArray[np.float32], labels: Integers, p_wrong: Floats, kept: int
) -> tuple[NDArray[np.intp], Floats]:
    """Classes (N, kept) and P(true class | wrong) of them, by the votes that are not the given."""
    n, n_classes = votes.shape
    every = np.arange(n)
    if n_classes == 1:
        return np.asarray(labels, dtype=np.intp)[:, None], np.ones((n, 1))
    votes = votes.copy()
    votes[every, labels] = 0.0
    rows = np.zeros((n_classes, n_classes))
    np.add.at(rows, labels, votes * p_wrong[:, None])
    rows += 1.0 / n_classes
    np.fill_diagonal(rows, 0.0)
    rows /= rows.sum(axis=1, keepdims=True)
    posterior = votes + ALTERNATIVE_PRIOR * rows[labels]
    posterior[every, labels] = 0.0
    posterior /= posterior.sum(axis=1, keepdims=True)
    posterior[every, labels] = -1.0
    order = np.argsort(-posterior, axis=1, kind="stable")[:, :kept]
    return order, posterior[every[:, None], order]


def _by_class(rates: Floats, labels: Integers, groups: NDArray[np.intp], n_classes: int) -> Floats:
    result = np.full(n_classes, rates[0])
    result[labels] = rates[groups]
    return result
