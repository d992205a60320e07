"""Losses whose target is a row of weights over the classes, one row for each given label."""

import math

import numpy as np
import torch
from torch import Tensor

from service.core.errors import BadInput
from worker.objectives.base import Setting
from worker.objectives.estimation import true_prior
from worker.objectives.matrix_loss import Matrix, MatrixLoss

MAX_CONDITION = 1e6
_LEAST_LOG = math.log(1e-7)


class SoftNoise(MatrixLoss):
    """`-sum_k M[y, k] log s_k` with a matrix M made of the noise matrix T.

    - `posterior`: M[j, i] = P(true = i | given = j), by Bayes with the class shares that T turns
      into the given ones. Each label is read as a distribution over what it may have been.
    - `noise`: M = T, the literal "T log s" form. Its minimiser is `p~ T`, p~ the distribution of
      the given labels: noise applied twice.
    - `inverse`: M = T^-1, the backward correction.
    """

    name = "soft_noise"
    weights: Tensor  # (C, C), row = given label

    def __init__(self, setting: Setting, *, matrix_kind: str, **options: object) -> None:
        self.kind = matrix_kind
        super().__init__(setting, matrix_kind=matrix_kind, **options)  # type: ignore[arg-type]

    def prepare(self, matrix: Matrix) -> None:
        if self.kind == "inverse":
            if self.source != "given":
                matrix = invertible(matrix)
                self.matrix.copy_(torch.from_numpy(matrix))
            weights = inverse(matrix, self.name)
        elif self.kind == "posterior":
            joint = matrix * true_prior(matrix, self.setting.targets.cpu().numpy())[:, None]
            given = joint.sum(0)
            weights = np.where(
                given > 0, joint / np.where(given > 0, given, 1), np.eye(len(joint))
            ).T
        else:
            weights = matrix
        self.register_buffer("weights", torch.from_numpy(weights.copy()).to(self.matrix))

    def loss(self, logits: Tensor, targets: Tensor, indices: Tensor) -> Tensor:  # noqa: ARG002
        log_probs = logits.log_softmax(2)
        if self.kind == "inverse":
            # Negative weights reward an ever smaller s_k; the authors' code stops at 1e-7.
            log_probs = log_probs.clamp_min(_LEAST_LOG)
        weights = self.weights[targets].unsqueeze(1)  # (B, C) -> (B, 1, C)
        return -(weights * log_probs).sum(2)


class BackwardCorrection(SoftNoise):
    """Patrini et al., CVPR 2017, https://arxiv.org/abs/1609.03683.

    `-sum_j T^-1[y, j] log s_j`: an unbiased estimate of the cross entropy with the true labels,
    which may be negative. As in the authors' code s is kept above 1e-7, which bounds it below. A
    given T with a condition number above 1e6 is refused: its inverse would only amplify chance; an
    estimated one is moved towards the identity until it has an inverse.
    """

    name = "backward"

    def __init__(self, setting: Setting, **options: object) -> None:
        super().__init__(setting, matrix_kind="inverse", **options)


def invertible(matrix: Matrix) -> Matrix:
    """T, mixed with as many tenths of the identity as its condition number needs: (C, C)."""
    mixed = matrix
    for tenths in range(1, 10):
        if np.linalg.cond(mixed) <= MAX_CONDITION:
            break
        mixed = (1.0 - tenths / 10) * matrix + tenths / 10 * np.eye(len(matrix))
    return mixed


def inverse(matrix: Matrix, name: str) -> Matrix:
    """T^-1, (C, C).

    Raises
    ------
    BadInput
        The condition number of T is above 1e6.
    """
    condition = float(np.linalg.cond(matrix))
    if not condition <= MAX_CONDITION:
        raise BadInput(
            f"{name}: the noise matrix cannot be inverted safely (condition number {condition:.1e},"
            " at most 1e6). Two of its rows are nearly alike; use the objective forward instead."
        )
    inverted: Matrix = np.linalg.inv(matrix).astype(np.float64)
    return inverted
