"""Signals and pooled probabilities -> p_wrong of every sample, with its interval.

Two views of the same sample are mixed by rank: the posterior behind the noise matrix, from models
that never saw the sample (wins on systematic confusion), and the margin over the whole training of
those that did (wins on isolated slips). Probabilities of one model alone are ordered by the
inverted posterior only as far as undoing the matrix is founded (`foundation.py`), and a model that
the labels contradict is asked before all others (`contradiction.py`). The mix only orders; the
values come from the posterior, moved to the estimated noise rate.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit, ndtri
from scipy.stats import rankdata

from service.ranking.contradiction import log_ratio, most_contradicted
from service.ranking.evidence import Evidence
from service.ranking.obvious_share import obvious_share
from service.ranking.posterior import Posterior, model_families, out_of_sample_posterior
from service.ranking.probability_intervals import probability_intervals
from service.ranking.rate import Interval, noise_rate_interval
from service.ranking.signals import Signal, family_signals, trajectory_signals
from service.ranking.trajectory_model import fit_trajectory_model

Floats = NDArray[np.float64]

View = tuple[float, Floats]  # its weight, and (N,) a score with high = bad

CERTAIN = 1e-6
MANY_CLASSES = 20  # no class-to-class matrix can be learned for so many; seen on letter alone


@dataclass(frozen=True)
class Fused:
    """P(given label wrong) of every sample, in sample order."""

    p_wrong: Floats  # (N,) high = bad
    p_wrong_low: Floats
    p_wrong_high: Floats
    noise_rate: Interval
    signals: dict[str, Signal]
    posterior: Posterior


def fuse(evidence: Evidence, *, seed: int) -> Fused:
    """Estimate P(given label wrong), in [0, 1], high = bad, for every sample of the evidence."""
    signals = trajectory_signals(evidence.trajectories, evidence.labels, evidence.n_classes)
    signals |= family_signals(evidence.probabilities, evidence.labels)
    if evidence.trajectories:
        model = fit_trajectory_model(
            evidence.trajectories, evidence.labels, evidence.n_classes, signals
        )
        signals["p_wrong_trajectory"] = model.p_wrong.astype(np.float32)
    posterior = out_of_sample_posterior(evidence, seed=seed)
    rate = noise_rate_interval(posterior.clues, len(evidence))
    values = logit(np.clip(posterior.p_wrong, CERTAIN, 1 - CERTAIN))
    logits = ordered_like(_views(evidence, posterior, signals), values)
    trusted = obvious_share(posterior.clues, evidence.n_classes) > 0
    p_wrong, low, high = probability_intervals(logits, posterior.spread, rate, trusted=trusted)
    known = posterior.known
    return Fused(
        p_wrong=np.where(known, p_wrong, rate.estimate),
        p_wrong_low=np.where(known, low, 0.0),
        p_wrong_high=np.where(known, high, 1.0),
        noise_rate=rate,
        signals=signals,
        posterior=posterior,
    )


def _views(evidence: Evidence, posterior: Posterior, signals: dict[str, Signal]) -> list[View]:
    """What orders the samples: of one model's probabilities, or of several and their training."""
    labels = evidence.labels
    if not evidence.trajectories and len(evidence.probabilities) == 1:
        (alone,) = evidence.probabilities.values()
        return _views_of_one(posterior, alone, labels)
    views = _pooled_views(posterior, signals, evidence.n_classes)
    contradicted = most_contradicted(model_families(evidence), labels)
    if contradicted is None:
        return views
    others = [((1.0 - contradicted.share) * weight, view) for weight, view in views]
    return [*others, (contradicted.share, contradicted.ratio)]


def _views_of_one(
    posterior: Posterior, alone: NDArray[np.floating], labels: NDArray[np.integer]
) -> list[View]:
    """The inverted posterior as far as it is founded; else the bare probabilities, seen two ways.

    The given label's probability wins where the models are unsure of most samples, its ratio to
    the best other class where they are sure of themselves.
    """
    given = alone[np.arange(len(labels)), labels].astype(np.float64)
    doubt = 1.0 - np.nan_to_num(given, nan=1.0 / alone.shape[1])
    bare = (1.0 - posterior.founded) / 2
    return [
        (posterior.founded, posterior.p_wrong),
        (bare, doubt),
        (bare, log_ratio(alone, labels)),
    ]


def _pooled_views(posterior: Posterior, signals: dict[str, Signal], n_classes: int) -> list[View]:
    """The inverted posterior, with many classes the pool's margin too, and that of the training.

    The latter comes from the replicas alone: it weighs as one of the pool's families.
    """
    half = 0.5 if n_classes >= MANY_CLASSES else 0.0
    views = [(1.0 - half, posterior.p_wrong), (half, posterior.gap)]
    if "aum" in signals:
        weight = 1.0 / max(1, len(posterior.weights) - 1)
        views.append((weight, -signals["aum"].astype(np.float64)))
    return views


def ordered_like(views: list[View], values: Floats) -> Floats:
    """`values`, sorted by the weighted mean normal score of the views.

    All arrays are (N,); high = bad. The multiset of values stays; equal scores get equal values.
    """
    total = np.zeros(len(values))
    for weight, view in views:
        if not weight:
            continue
        total += weight * ndtri((rankdata(view) - 0.5) / len(view))
    # rounding makes equal evidence equal whatever the order of the additions
    place = rankdata(np.round(total, 9)) - 1.0
    result: Floats = np.interp(place, np.arange(len(values)), np.sort(values))
    return result
