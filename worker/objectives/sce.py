"""Symmetric cross entropy."""

from torch import Tensor

from worker.objectives.base import Objective, Setting, log_p_given


class SymmetricCrossEntropy(Objective):
    """Wang et al., ICCV 2019, https://arxiv.org/abs/1908.06112.

    `alpha * CE + beta * RCE`, where reverse cross entropy `-sum_k s_k log e_k` reads log 0 as
    `log_zero` and is therefore `-log_zero * (1 - s_y)`. Alpha speeds the fit, beta the tolerance.
    Defaults alpha .1, beta 1, log_zero -4 are the paper's for CIFAR-10 (CIFAR-100: 6, .1).
    """

    name = "sce"

    def __init__(self, setting: Setting, *, alpha: float, beta: float, log_zero: float) -> None:
        super().__init__(setting, alpha=alpha, beta=beta, log_zero=log_zero)
        self.alpha, self.beta, self.log_zero = alpha, beta, log_zero

    def forward(self, logits: Tensor, targets: Tensor, indices: Tensor) -> Tensor:  # noqa: ARG002
        log_p = log_p_given(logits, targets)
        return -self.alpha * log_p - self.beta * self.log_zero * (1.0 - log_p.exp())
