"""Signals and pooled probabilities -> p_wrong of every sample, with its interval.

Two views of the same sample are mixed by rank: the posterior behind the noise matrix, from models
that never saw the sample (wins on systematic confusion), and the margin over the whole training of
those that did (wins on isolated slips). The mix only orders; the values come from the posterior,
moved to the estimated noise rate.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit, ndtri
from scipy.stats import rankdata

from service.ranking.evidence import Evidence
from service.ranking.obvious_share import obvious_share
from service.ranking.posterior import Posterior, out_of_sample_posterior
from service.ranking.probability_intervals import probability_intervals
from service.ranking.rate import Interval, noise_rate_interval
from service.ranking.signals import Signal, family_signals, trajectory_signals
from service.ranking.trajectory_model import fit_trajectory_model

Floats = NDArray[np.float64]

CERTAIN = 1e-6


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
    logits = ordered_like(_views(posterior, signals), values)
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


def _views(posterior: Posterior, signals: dict[str, Signal]) -> list[tuple[float, Floats]]:
    """(weight, (N,) score with high = bad) of each view of the samples.

    The margin comes from the replicas alone: it weighs as one of the pool's families.
    """
    weight = 1.0 / max(1, len(posterior.weights) - 1)
    training = [(weight, -signals["aum"].astype(np.float64))] if "aum" in signals else []
    return [(1.0, posterior.p_wrong), *training]


def ordered_like(views: list[tuple[float, Floats]], values: Floats) -> Floats:
    """`values`, sorted by the weighted mean normal score of the views.

    All arrays are (N,); high = bad. The multiset of values stays; equal scores get equal values.
    """
    total = np.zeros(len(values))
    for weight, view in views:
        total += weight * ndtri((rankdata(view) - 0.5) / len(view))
    # rounding makes equal evidence equal whatever the order of the additions
    place = rankdata(np.round(total, 9)) - 1.0
    result: Floats = np.interp(place, np.arange(len(values)), np.sort(values))
    return result
