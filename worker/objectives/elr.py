"""Early-learning regularization."""

import torch
from torch import Tensor

from worker.objectives.base import Objective, Setting, log_p_given


class EarlyLearningRegularization(Objective):
    """Liu et al., NeurIPS 2020, https://arxiv.org/abs/2007.00151.

    `CE + weight * log(1 - <t, s>)` with `t <- momentum * t + (1 - momentum) * s`, one target t per
    sample and replica, from zero, updated before it is used. The softmax is clamped to
    [1e-4, 1 - 1e-4] and renormalised for the target, as in the authors' code, whose CIFAR-10 values
    (weight 3, momentum .7) are the defaults. weight 0 is cross entropy.
    """

    name = "elr"
    targets_by_sample: Tensor  # (N, K, C)

    def __init__(self, setting: Setting, *, weight: float, momentum: float) -> None:
        super().__init__(setting, weight=weight, momentum=momentum)
        self.weight, self.momentum = weight, momentum
        shape = (setting.n_samples, setting.replicas, setting.n_classes)
        self.register_buffer("targets_by_sample", torch.zeros(shape))

    def forward(self, logits: Tensor, targets: Tensor, indices: Tensor) -> Tensor:
        probs = logits.softmax(2).clamp(1e-4, 1.0 - 1e-4)
        latest = probs.detach() / probs.detach().sum(2, keepdim=True)
        target = self.momentum * self.targets_by_sample[indices] + (1.0 - self.momentum) * latest
        self.targets_by_sample[indices] = target
        regulariser = torch.log(1.0 - (target * probs).sum(2))
        return self.weight * regulariser - log_p_given(logits, targets)
