"""Labels that training itself corrected, offered as suggestions."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from service.ranking.evidence import Evidence
from service.ranking.posterior import Posterior

SMALLEST_SHARE = 1e-6


def with_relabelled(
    posterior: Posterior, evidence: Evidence, labels: NDArray[np.intp]
) -> Posterior:
    """The posterior whose likely classes are those of the relabelled samples.

    Tanaka et al., CVPR 2018: joint optimization ends with a distribution over the classes for each
    sample. Where its largest class is not the given one, that class and those after it are what is
    suggested; where it is, or people voted, the posterior's own classes stay. P(given label
    wrong) stays everywhere: these distributions end close to certainty, right or wrong.
    """
    assert evidence.relabelled is not None
    every = np.arange(len(labels))
    shares = evidence.relabelled.astype(np.float64)  # (N, C)
    best = shares.argmax(axis=1)
    changed = best != labels
    if evidence.votes is not None:
        changed[evidence.votes.sample] = False
    shares[every, labels] = -1.0
    order = np.argsort(-shares, axis=1, kind="stable")[:, : posterior.others.shape[1]]
    kept = np.maximum(shares[every[:, None], order], SMALLEST_SHARE)
    kept /= kept.sum(axis=1, keepdims=True)
    return replace(
        posterior,
        predicted=np.where(changed, best, posterior.predicted),
        others=np.where(changed[:, None], order, posterior.others),
        others_share=np.where(changed[:, None], kept, posterior.others_share),
    )
