"""Two-parameter recalibration of P(wrong) from a handful of verdicts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

Floats = NDArray[np.float64]

# How far intercept and slope may stray from the identity before a verdict was seen; both halves of
# the benchmark's packs were in view when it was chosen (docs/lab/detection.md).
INTERCEPT_SD, SLOPE_SD = 1.5, 0.5
SMALLEST_SLOPE = 0.1  # below it the order that the evidence gave would be lost in rounding
LARGEST_LOGIT = 7.0  # one verdict against a p_wrong of 1e-6 must not outweigh all others
FLATTER = 0.01
ITERATIONS = 50
ONE_SIDED = 1.645


@dataclass(frozen=True)
class Platt:
    """`logit p' = intercept + slope * logit p`, with the covariance of the two."""

    intercept: float
    slope: float
    covariance: Floats  # (2, 2)

    def __call__(self, p_wrong: Floats) -> tuple[Floats, Floats, Floats]:
        """(p', low, high), (N,) each, in [0, 1]; a 90 % interval, high = bad."""
        design = _design(p_wrong)
        centre = design @ np.array([self.intercept, self.slope])
        spread = ONE_SIDED * np.sqrt(np.einsum("ni,ij,nj->n", design, self.covariance, design))
        return expit(centre), expit(centre - spread), expit(centre + spread)


def fit_platt(p_wrong: Floats, wrong: NDArray[np.bool_], weights: Floats) -> Platt:
    """The most probable line given the verdicts and a normal prior around the identity.

    Platt (1999) with the prior in place of his smoothed targets: without a verdict it changes
    nothing, with a hundred the verdicts decide.

    Parameters
    ----------
    p_wrong : (n,) the models' P(wrong) of the samples that were decided
    wrong : (n,) the verdicts
    weights : (n,) how many verdicts each one counts for
    """
    design = _design(p_wrong)
    prior = np.diag([INTERCEPT_SD**-2.0, SLOPE_SD**-2.0])
    identity = np.array([0.0, 1.0])
    line = identity.copy()
    hessian = prior
    for _ in range(ITERATIONS):
        chance = expit(design @ line)
        gradient = design.T @ (weights * (chance - wrong)) + prior @ (line - identity)
        hessian = (design * (weights * chance * (1 - chance))[:, None]).T @ design + prior
        step = np.linalg.solve(hessian, gradient)
        line = line - step / max(1.0, float(np.abs(step).max()))  # at most 1: never runs away
        if np.abs(step).max() < 1e-9:
            break
    slope = max(float(line[1]), SMALLEST_SLOPE)
    return Platt(float(line[0]), slope, np.linalg.inv(hessian))


def _design(p_wrong: Floats) -> Floats:
    """(n, 2): ones, and log-odds that go on much flatter below the limit, so the order stays."""
    largest = expit(LARGEST_LOGIT)
    logits = logit(np.clip(p_wrong, 1e-12, largest))
    below = -LARGEST_LOGIT + FLATTER * (logits + LARGEST_LOGIT)
    return np.column_stack([np.ones(len(logits)), np.where(logits < -LARGEST_LOGIT, below, logits)])
