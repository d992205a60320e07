"""The baseline."""

from torch import Tensor

from worker.objectives.base import Objective, log_p_given


class CrossEntropy(Objective):
    """Cross entropy, `-log s_y`: maximum likelihood of the given labels. No options."""

    name = "cross_entropy"

    def forward(self, logits: Tensor, targets: Tensor, indices: Tensor) -> Tensor:  # noqa: ARG002
        return -log_p_given(logits, targets)
