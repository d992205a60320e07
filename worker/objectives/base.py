"""The interface of objectives to the training loop."""

from dataclasses import dataclass
from typing import Any, ClassVar, Optional

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass(frozen=True)
class Setting:
    """The run that an objective is built for.

    `targets` (N,) int64 are the given labels; `generator` seeds whatever the objective draws;
    `features` is the width F of the representation that it may observe, 0 where there is none.
    """

    n_classes: int
    n_samples: int
    replicas: int
    epochs: int
    targets: Tensor
    generator: torch.Generator
    features: int = 0


class Objective(nn.Module):
    """A per-sample, per-replica loss, called as `objective(logits, targets, indices)`.

    logits (B, K, C), targets (B,) int64 given labels, indices (B,) int64 positions of the samples
    in the dataset; the result is (B, K), high = badly fitted. The loop weights it by each replica's
    bootstrap counts and averages over the batch, so a term that belongs to the batch as a whole is
    added to every entry.

    Beyond the loss an objective may have, without the loop knowing which it is: tensors kept
    per sample (`register_buffer`, read and written at `indices`), learned parameters (trained
    beside the network's; frozen while `requires_grad` is off), the network's representation
    (`observe`), a schedule (`start_epoch`), a projection after each step (`after_step`), label
    updates (`end_epoch`), a second training of a fresh network (`stages`, `next_stage`), and
    findings to keep beside the trajectory (`arrays`).
    """

    name: ClassVar[str]
    rate: float = 1.0  # learning rate of the objective's own parameters, times the network's
    constant_rate: ClassVar[bool] = False  # for methods that rely on an unannealed learning rate

    def __init__(self, setting: Setting, **options: Any) -> None:
        super().__init__()
        self.setting = setting
        self.options = options

    def forward(self, logits: Tensor, targets: Tensor, indices: Tensor) -> Tensor:
        raise NotImplementedError

    def observe(self, representation: Tensor) -> None:
        """Called before each loss with what the network's last layer reads, (B, K, F)."""

    def start_epoch(self, epoch: int) -> None:
        """Called before the first batch of epoch 0, 1, ..."""

    def after_step(self) -> None:
        """Called after each optimiser step."""

    def end_epoch(self, epoch: int) -> None:
        """Called after the last batch of the epoch; every sample was seen exactly once in it."""

    @property
    def stages(self) -> tuple[int, ...]:
        """Epochs of each training that the run consists of; every one starts a fresh network."""
        return (self.setting.epochs,)

    def next_stage(self) -> Optional["Objective"]:
        """The objective of the training that follows this one; None after the last."""
        return None

    def noise_matrix(self) -> Tensor | None:
        """(C, C) mean over replicas of P(given = column | true = row), None without a model."""
        return None

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Arrays to save when training has ended, by file name without `.npy`."""
        matrix = self.noise_matrix()
        return {} if matrix is None else {"noise_matrix": as_array(matrix)}


class WarmedUp(Objective):
    """An objective that trains its first epochs with cross entropy, then with its own `loss`."""

    def __init__(self, setting: Setting, *, warm_up: float, **options: Any) -> None:
        super().__init__(setting, warm_up=warm_up, **options)
        self.warm_epochs = round(warm_up * setting.epochs)
        self.warm = False

    def start_epoch(self, epoch: int) -> None:
        self.warm = epoch < self.warm_epochs

    def forward(self, logits: Tensor, targets: Tensor, indices: Tensor) -> Tensor:
        if self.warm:
            return -log_p_given(logits, targets)
        return self.loss(logits, targets, indices)

    def loss(self, logits: Tensor, targets: Tensor, indices: Tensor) -> Tensor:
        raise NotImplementedError


def log_p_given(logits: Tensor, targets: Tensor) -> Tensor:
    """log softmax of the given label: (B, K, C), (B,) -> (B, K), in (-inf, 0]; low = bad."""
    return of_given(logits, targets) - logits.logsumexp(2)


def of_given(values: Tensor, targets: Tensor) -> Tensor:
    """The given label's entry of every row: (B, K, C), (B,) -> (B, K)."""
    index = targets.view(-1, 1, 1).expand(-1, values.shape[1], 1)  # (B,) -> (B, K, 1)
    return values.gather(2, index).squeeze(2)


def as_array(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.detach().float().cpu().numpy()
    return array


class Draws(nn.Module):
    """Random numbers on whatever device asks, from one seed; their generators' states are part of
    the state of the objective that draws."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self._seed = int(torch.randint(2**62, (), generator=generator))
        self._generators: dict[torch.device, torch.Generator] = {}

    def uniform(self, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Uniform on [0, 1), of the given shape, on the device and in the type of `like`."""
        generator = self._on(like.device)
        return torch.rand(shape, generator=generator, device=like.device, dtype=like.dtype)

    def _on(self, device: torch.device) -> torch.Generator:
        if device not in self._generators:
            self._generators[device] = torch.Generator(device).manual_seed(self._seed)
        return self._generators[device]

    def get_extra_state(self) -> dict[str, Tensor]:
        return {str(device): one.get_state() for device, one in self._generators.items()}

    def set_extra_state(self, state: dict[str, Tensor]) -> None:
        for device, generator_state in state.items():
            self._on(torch.device(device)).set_state(generator_state)
