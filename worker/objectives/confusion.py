"""How a network's predictions stand to the given labels."""

import torch
from torch import Tensor, nn

from worker.objectives.base import Setting
from worker.objectives.matrix_loss import once_and_again


class Confusion(nn.Module):
    """Counts over the epoch before each start of a noise model, by replica.

    The first start is early, where the network does not know the classes well: T overstates the
    noise, which keeps the network from learning it. The second is from what that network predicts.
    """

    counts: Tensor  # (K, C, C) predicted x given

    def __init__(self, setting: Setting, *, frozen: float, again: float) -> None:
        super().__init__()
        replicas, n_classes = setting.replicas, setting.n_classes
        self.frozen_epochs = round(frozen * setting.epochs)
        self.starts = once_and_again(self.frozen_epochs, again, setting)
        self.counting = False
        self.register_buffer("counts", torch.zeros((replicas, n_classes, n_classes)))

    def starts_at(self, epoch: int) -> bool:
        """Called as each epoch begins; whether the noise model starts there from the counts."""
        self.counting = epoch + 1 in self.starts
        return epoch in self.starts

    @torch.no_grad()
    def count(self, logits: Tensor, targets: Tensor) -> None:
        """Add a batch of the epoch: logits (B, K, C), given labels (B,)."""
        if not self.counting:
            return
        n_classes, replicas = logits.shape[2], logits.shape[1]
        replica = torch.arange(replicas, device=logits.device)
        cell = (replica * n_classes + logits.argmax(2)) * n_classes + targets.unsqueeze(1)
        ones = torch.ones_like(cell, dtype=self.counts.dtype).view(-1)
        self.counts.view(-1).index_add_(0, cell.view(-1), ones)

    @torch.no_grad()
    def take(self) -> Tensor:
        """(K, C, C) P(given = column | predicted = row), with one count of the diagonal and one of
        the whole row besides, so that none is 0."""
        counts = self.counts + torch.eye(self.counts.shape[1]).to(self.counts)
        counts = counts + 1.0 / counts.shape[1]
        self.counts.zero_()
        return counts / counts.sum(2, keepdim=True)
