"""Generalized cross entropy, the default."""

import torch
from torch import Tensor

from worker.objectives.base import Objective, Setting, log_p_given


class GeneralizedCrossEntropy(Objective):
    """Zhang and Sabuncu, NeurIPS 2018, https://arxiv.org/abs/1805.07836.

    `(1 - s_y^q) / q`, in [0, 1/q]. Its gradient is cross entropy's times `s_y^q`, so samples the
    network does not believe in stop pulling. q -> 0 is cross entropy, q = 1 is `1 - s_y`, half the
    mean absolute error. The paper's default is q = .7; its truncated variant is not built.

    `warm_up` is ours (0 gives the paper's loss throughout): q rises linearly from 0 over that share
    of the epochs. With many classes `s_y^q` is small for every sample at the start, and some
    classes are never learned without it.
    """

    name = "gce"

    def __init__(self, setting: Setting, *, q: float, warm_up: float) -> None:
        super().__init__(setting, q=q, warm_up=warm_up)
        self.target_q, self.q = q, q
        self.warm_epochs = warm_up * setting.epochs

    def start_epoch(self, epoch: int) -> None:
        self.q = self.target_q * min(1.0, epoch / self.warm_epochs if self.warm_epochs else 1.0)

    def forward(self, logits: Tensor, targets: Tensor, indices: Tensor) -> Tensor:  # noqa: ARG002
        log_p = log_p_given(logits, targets)
        return -torch.expm1(self.q * log_p) / self.q if self.q > 0 else -log_p
