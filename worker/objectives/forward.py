"""Forward and backward correction by a noise matrix."""

import torch
from torch import Tensor

from worker.objectives.base import Setting
from worker.objectives.matrix_loss import Matrix, MatrixLoss, log_mixture


class ForwardCorrection(MatrixLoss):
    """Patrini et al., CVPR 2017, https://arxiv.org/abs/1609.03683.

    `-log sum_k s_k T[k, y]`: the network's prediction, passed through the noise, is compared with
    the given label, so the network itself learns the true one. With T = I it is cross entropy; its
    gradient is `s - r` with `r_k = P(true = k | x, given)`. Computed in log space, zeros of T stay
    zeros.

    `transposed` is the literal `-log(y' T s)`, which sums over T's columns although its rows are
    the true classes. That is right only for a symmetric T: for T = [[.8, .1, .1], [.3, .6, .1],
    [.05, .15, .8]] and class probabilities (.7, .2, .1) its minimiser is (.85, 0, .15).
    """

    name = "forward"
    log_matrix: Tensor  # (C, C), row = given label

    def __init__(self, setting: Setting, *, transposed: bool, **options: object) -> None:
        self.transposed = transposed
        super().__init__(setting, transposed=transposed, **options)  # type: ignore[arg-type]

    def prepare(self, matrix: Matrix) -> None:
        by_given = matrix if self.transposed else matrix.T
        log_matrix = torch.from_numpy(by_given).to(self.matrix).log()
        self.register_buffer("log_matrix", log_matrix)

    def loss(self, logits: Tensor, targets: Tensor, indices: Tensor) -> Tensor:  # noqa: ARG002
        columns = self.log_matrix[targets].unsqueeze(1)  # (B, C) -> (B, 1, C)
        return -log_mixture(logits.log_softmax(2), columns)
