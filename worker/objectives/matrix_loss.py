"""The noise matrix of the losses that need one: given or estimated."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from service.core.errors import BadInput
from worker.objectives.base import Setting, WarmedUp
from worker.objectives.estimation import estimate

Matrix = NDArray[np.float64]

_FLOOR = 1e-8


class MatrixLoss(WarmedUp):
    """A loss with a matrix T[i, j] = P(given = j | true = i), given or estimated.

    Without a given matrix the first `warm_up` share of the epochs (at least one) trains with cross
    entropy. Over the later half of them the softmax of every sample is averaged, over replicas too,
    and at their end T is estimated from it (`estimation.estimate`), one T for all replicas. That
    early, the network does not know the classes well, and T overstates the noise: at `again` of the
    epochs T is estimated once more, from what the network predicts after training with the first.
    """

    matrix: Tensor  # (C, C), all zero until it is known
    sums: Tensor  # (N, C), or empty where T is given or was estimated for the last time

    def __init__(
        self,
        setting: Setting,
        *,
        noise_matrix: list[list[float]] | None,
        matrix_source: str,
        warm_up: float,
        again: float,
        **options: Any,
    ) -> None:
        super().__init__(
            setting,
            warm_up=0.0 if noise_matrix is not None else warm_up,
            again=again,
            noise_matrix=noise_matrix,
            matrix_source=matrix_source,
            **options,
        )
        self.source = matrix_source
        self.estimates: list[int] = []  # numbers of epochs after which T is estimated
        n_samples, n_classes = setting.n_samples, setting.n_classes
        self.register_buffer("matrix", torch.zeros((n_classes, n_classes)))
        if noise_matrix is not None:
            self.register_buffer("sums", torch.zeros((0, n_classes)))
            self._check_size(noise_matrix)
            self._adopt(np.asarray(noise_matrix))
        else:
            self.register_buffer("sums", torch.zeros((n_samples, n_classes)))
            self.warm_epochs = max(1, self.warm_epochs)
            self.warm = True
            self.estimates = once_and_again(self.warm_epochs, again, setting)
        self.epoch = 0

    def prepare(self, matrix: Matrix) -> None:
        """Derive from T what the loss needs; called each time T is known anew."""

    def start_epoch(self, epoch: int) -> None:
        super().start_epoch(epoch)
        self.epoch = epoch

    def forward(self, logits: Tensor, targets: Tensor, indices: Tensor) -> Tensor:
        if len(self.sums) and self.epoch >= self._next_estimate() // 2:
            self.sums[indices] += logits.detach().softmax(2).mean(1).float()
        return super().forward(logits, targets, indices)

    def end_epoch(self, epoch: int) -> None:
        if len(self.sums) and epoch + 1 in self.estimates:
            probabilities = (self.sums / self.sums.sum(1, keepdim=True)).cpu().numpy()
            self._adopt(estimate(self.source, probabilities, self.setting.targets.cpu().numpy()))
            last = epoch + 1 == self.estimates[-1]
            self.sums = self.sums[:0] if last else torch.zeros_like(self.sums)

    def _next_estimate(self) -> int:
        return next(one for one in self.estimates if one > self.epoch)

    def noise_matrix(self) -> Tensor | None:
        return self.matrix if bool(self.matrix.any()) else None

    def _check_size(self, matrix: list[list[float]]) -> None:
        if len(matrix) != self.setting.n_classes:
            raise BadInput(
                f"{self.name}: noise_matrix has {len(matrix)} rows, but the dataset has "
                f"{self.setting.n_classes} classes."
            )

    def _adopt(self, matrix: Matrix) -> None:
        if (matrix.sum(0) == 0).any():  # a given label that no class could have got
            matrix = matrix + _FLOOR
            matrix = matrix / matrix.sum(1, keepdims=True)
        self.matrix.copy_(torch.from_numpy(matrix))
        self.prepare(matrix)


def once_and_again(first: int, again: float, setting: Setting) -> list[int]:
    """Numbers of epochs, ascending: the first, and a later share of all if it is later."""
    return sorted({first, max(first, round(again * setting.epochs))})


def log_mixture(log_probs: Tensor, log_columns: Tensor) -> Tensor:
    """`log sum_k s_k T[k, y]` from log s (B, K, C) and log T[:, y] (B, 1 or K, C): (B, K)."""
    return (log_probs + log_columns).logsumexp(2)
