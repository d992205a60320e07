import torch
from torch import Tensor

from worker.objectives.base import Objective, Setting, log_p_given


class GeneralizedCrossEntropy(Objective):
    """Zhang and Sabuncu, NeurIPS 2018, https://arxiv.org/abs/1805.07836.

    `(1 - s_y^q) / q`, in [0, 1/q]. Its gradient is cross entropy's times `s_y^q`, so samples the
    network does not believe in stop pulling. q -> 0 is cross entropy, q = 1 is `1 - s_y`, half the
    mean absolute error. The paper's default is q = .7; its truncated variant is not built.
    """

    name = "gce"

    def __init__(self, setting: Setting, *, q: float) -> None:
        super().__init__(setting, q=q)
        self.q = q

    def forward(self, logits: Tensor, targets: Tensor, indices: Tensor) -> Tensor:  # noqa: ARG002
        log_p = log_p_given(logits, targets)
        return -torch.expm1(self.q * log_p) / self.q if self.q > 0 else -log_p
