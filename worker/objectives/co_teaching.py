"""Co-teaching: networks choose each other's samples."""

import torch
from torch import Tensor

from worker.objectives.base import Objective, Setting, log_p_given


class CoTeaching(Objective):
    """Han et al., NeurIPS 2018, https://arxiv.org/abs/1804.06872.

    Replicas are paired (0 with 1, 2 with 3, ...; one left over, or alone, teaches itself). Each
    trains with cross entropy on the samples of the batch that its partner finds easiest; the share
    left out rises to `noise_rate` over the `ramp` share of the epochs (the paper: 10 of 200). What
    is kept weighs as much as the whole batch would.
    """

    name = "co_teaching"

    def __init__(self, setting: Setting, *, noise_rate: float, ramp: float) -> None:
        super().__init__(setting, noise_rate=noise_rate, ramp=ramp)
        self.noise_rate, self.ramp_epochs, self.left_out = noise_rate, ramp * setting.epochs, 0.0
        partners = torch.arange(setting.replicas) ^ 1
        partners[partners >= setting.replicas] = setting.replicas - 1
        self.partners = partners.tolist()

    def start_epoch(self, epoch: int) -> None:
        reached = epoch / self.ramp_epochs if self.ramp_epochs else 1.0
        self.left_out = self.noise_rate * min(1.0, reached)

    def forward(self, logits: Tensor, targets: Tensor, indices: Tensor) -> Tensor:  # noqa: ARG002
        losses = -log_p_given(logits, targets)
        kept = max(1, round((1.0 - self.left_out) * len(losses)))
        if kept == len(losses):
            return losses
        partners = losses.detach()[:, self.partners]
        easiest = partners.argsort(dim=0, stable=True)[:kept]  # (kept, K)
        chosen = torch.zeros_like(partners).scatter_(0, easiest, len(losses) / kept)
        return losses * chosen
