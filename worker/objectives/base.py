"""What every objective is to the training loop."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Setting:
    """What an objective may know about the run it is part of, when it is built.

    `targets` (N,) int64 are the given labels; `generator` seeds whatever the objective draws.
    """

    n_classes: int
    n_samples: int
    replicas: int
    epochs: int
    targets: Tensor
    generator: torch.Generator


class Objective(nn.Module):
    """A per-sample, per-replica loss, called as `objective(logits, targets, indices)`.

    logits (B, K, C), targets (B,) int64 given labels, indices (B,) int64 positions of the samples
    in the dataset; the result is (B, K), high = badly fitted. The loop weights it by each replica's
    bootstrap counts and averages over the batch, so a term that belongs to the batch as a whole is
    added to every entry.

    What a method may need beyond the loss, it has without the loop knowing its name: tensors kept
    per sample (`register_buffer`, read and written at `indices`), learned parameters (trained
    beside the network's), a schedule (`start_epoch`), a projection after each step (`after_step`),
    label updates (`end_epoch`).
    """

    name: ClassVar[str]

    def __init__(self, setting: Setting, **options: Any) -> None:
        super().__init__()
        self.setting = setting
        self.options = options

    def forward(self, logits: Tensor, targets: Tensor, indices: Tensor) -> Tensor:
        raise NotImplementedError

    def start_epoch(self, epoch: int) -> None:
        """Called before the first batch of epoch 0, 1, ..."""

    def after_step(self) -> None:
        """Called after each optimiser step."""

    def end_epoch(self, epoch: int) -> None:
        """Called after the last batch of the epoch; every sample was seen exactly once in it."""


def log_p_given(logits: Tensor, targets: Tensor) -> Tensor:
    """log softmax of the given label: (B, K, C), (B,) -> (B, K), in (-inf, 0]; low = bad."""
    index = targets.view(-1, 1, 1).expand(-1, logits.shape[1], 1)  # (B,) -> (B, K, 1)
    return logits.gather(2, index).squeeze(2) - logits.logsumexp(2)
