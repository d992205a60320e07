"""Bootstrapping: part of the target is the model's own guess."""

from torch import Tensor

from worker.objectives.base import Objective, Setting, log_p_given


class Bootstrap(Objective):
    """Reed et al., ICLR 2015 workshop, https://arxiv.org/abs/1412.6596.

    Cross entropy against `beta * e_y + (1 - beta) * t`, where t is the predicted distribution
    (`soft`, with its gradient: an entropy term) or its largest class (`hard`). Beta weights the
    given label; the paper takes .95 soft, .8 hard. beta 1 is cross entropy.
    """

    name = "bootstrap"

    def __init__(self, setting: Setting, *, mode: str, beta: float) -> None:
        super().__init__(setting, mode=mode, beta=beta)
        self.hard, self.beta = mode == "hard", beta

    def forward(self, logits: Tensor, targets: Tensor, indices: Tensor) -> Tensor:  # noqa: ARG002
        log_probs = logits.log_softmax(2)
        soft = -(log_probs.exp() * log_probs).sum(2)
        own = -log_probs.amax(2) if self.hard else soft
        return -self.beta * log_p_given(logits, targets) + (1.0 - self.beta) * own
