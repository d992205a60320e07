"""Writes a trajectory folder while a network trains (the format: service/ranking/trajectory.py).

On the device it keeps one epoch of (N, K) arrays and two running (N, C) sums; each finished epoch
is streamed to disk. Nothing ever holds samples x epochs x classes.
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from service.ranking.trajectory import EPOCH_ARRAYS, SCHEMA_VERSION
from service.storage.atomic import publish
from service.storage.memmap import new_array

_FLOAT16_MAX = 65504.0


class TrainingDiverged(RuntimeError):
    """A loss stopped being finite: lower the learning rate or choose a bounded objective."""


def first_late_epoch(epochs: int) -> int:
    """Class probabilities are averaged from this epoch on.

    The first third is left out: there the network still moves from its initialisation, and its
    softmax says more about the schedule than about the sample.
    """
    return epochs // 3


class Recorder:
    """Records every sample under every replica, once an epoch, into `folder`.

    Use as a context manager: the folder appears, complete and at once, when the block ends
    without an error and every epoch was closed; otherwise nothing is left behind.

    Parameters
    ----------
    folder : where the trajectory will lie; an older one there is replaced
    in_bag : (N, K) uint8, times each replica's bootstrap drew each sample
    header : facts added to trajectory.json (objective, seed, ...)
    first_late : epoch from which class probabilities are averaged; a third of all where not given
    work : where to write until it is whole. Epochs that lie there are kept, for `load_state`, and
        left there when the block ends with an error
    """

    def __init__(
        self,
        folder: Path,
        *,
        in_bag: Tensor,
        n_classes: int,
        epochs: int,
        device: torch.device,
        header: dict[str, Any],
        first_late: int | None = None,
        work: Path | None = None,
    ) -> None:
        self._resumable = work is not None
        self.work = work or folder.with_name(f".{folder.name}-{os.getpid()}")
        self.folder, self.epochs, self.device = folder, epochs, device
        self.n_samples, self.replicas = in_bag.shape
        self.n_classes = int(n_classes)
        self.header = header
        self.first_late = first_late_epoch(epochs) if first_late is None else first_late
        self._kept: dict[str, NDArray[Any]] = {}
        self.in_bag = in_bag.to(device)
        self.epoch = 0
        self._open_device_arrays()

    def __enter__(self) -> Self:
        self.work.mkdir(parents=True, exist_ok=True)
        shape = (self.epochs, self.n_samples, self.replicas)
        class_type = np.uint8 if self.n_classes <= 256 else np.uint16
        self._files: dict[str, np.memmap[Any, Any]] = {}
        for name in EPOCH_ARRAYS:
            path = self.work / f"{name}.npy"
            dtype = class_type if name == "predicted" else np.float16
            self._files[name] = (
                np.lib.format.open_memmap(path, mode="r+")
                if path.exists()
                else new_array(path, dtype=dtype, shape=shape)
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._files.clear()
            if kind is None or not self._resumable:
                shutil.rmtree(self.work, ignore_errors=True)

    @torch.no_grad()
    def record(self, indices: Tensor, targets: Tensor, logits: Tensor, losses: Tensor) -> None:
        """Note one batch: indices (B,), targets (B,), logits (B, K, C), losses (B, K)."""
        logits = logits.detach()
        index = targets.view(-1, 1, 1).expand(-1, self.replicas, 1)  # (B,) -> (B, K, 1)
        given = logits.gather(2, index).squeeze(2)
        largest_other = logits.scatter(2, index, -torch.inf).amax(2)
        total = logits.logsumexp(2)
        self._epoch["margin"][indices] = given - largest_other
        self._epoch["p_given"][indices] = (given - total).exp()
        self._epoch["p_predicted"][indices] = (torch.maximum(given, largest_other) - total).exp()
        self._epoch["loss"][indices] = losses.detach()
        self._epoch["predicted"][indices] = logits.argmax(2)
        if self.epoch >= self.first_late:
            self._add_probabilities(indices, (logits - total.unsqueeze(2)).exp())

    def end_epoch(self) -> None:
        """Stream the epoch's arrays to disk.

        Raises
        ------
        TrainingDiverged
            A loss or margin of this epoch is not finite.
        """
        for name, values in self._epoch.items():
            if name == "predicted":
                self._files[name][self.epoch] = values.cpu().numpy()
                continue
            if not bool(torch.isfinite(values).all()):
                raise TrainingDiverged(f"{name} is not finite in epoch {self.epoch + 1}")
            clipped = values.clamp(-_FLOAT16_MAX, _FLOAT16_MAX).to(torch.float16)
            self._files[name][self.epoch] = clipped.cpu().numpy()
        self.epoch += 1

    def state(self) -> dict[str, Any]:
        """What `load_state` needs beside the epochs on disk, which are made durable first."""
        for mapped in self._files.values():
            mapped.flush()
        return {
            "epoch": self.epoch,
            "sum_in": self._sum_in.cpu(),
            "sum_out": self._sum_out.cpu(),
            "kept": {name: torch.from_numpy(array) for name, array in self._kept.items()},
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue after the epochs that were recorded when `state` was taken."""
        self.epoch = state["epoch"]
        self._sum_in.copy_(state["sum_in"])
        self._sum_out.copy_(state["sum_out"])
        self._kept = {name: tensor.numpy() for name, tensor in state["kept"].items()}

    def keep(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Lay further arrays beside the trajectory, each as `<name>.npy`."""
        self._kept.update(arrays)

    def _open_device_arrays(self) -> None:
        def array(columns: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros((self.n_samples, columns), dtype=dtype, device=self.device)

        self._epoch = {name: array(self.replicas) for name in EPOCH_ARRAYS}
        self._epoch["predicted"] = array(self.replicas, torch.int64)
        self._sum_in, self._sum_out = array(self.n_classes), array(self.n_classes)

    def _add_probabilities(self, indices: Tensor, probs: Tensor) -> None:
        inside = self.in_bag[indices] > 0  # (B, K)
        chosen = torch.stack([inside, ~inside], dim=1).to(probs.dtype)  # (B, 2, K)
        sums = torch.bmm(chosen, probs)  # (B, 2, K) x (B, K, C) -> (B, 2, C)
        self._sum_in[indices] += sums[:, 0]
        self._sum_out[indices] += sums[:, 1]

    def _finish(self) -> None:
        if self.epoch != self.epochs:
            raise RuntimeError(f"only {self.epoch} of {self.epochs} epochs were recorded")
        for mapped in self._files.values():
            mapped.flush()
        self._files.clear()
        inside = (self.in_bag > 0).sum(1)
        arrays: dict[str, NDArray[Any]] = {
            "in_bag": self.in_bag.cpu().numpy().astype(np.uint8),
            "probs_in_bag": _mean_rows(self._sum_in, inside),
            "probs_out_of_bag": _mean_rows(self._sum_out, self.replicas - inside),
        }
        for name, array in (self._kept | arrays).items():
            np.save(self.work / f"{name}.npy", array)
        header = {
            "schema_version": SCHEMA_VERSION,
            "epochs": self.epochs,
            "samples": self.n_samples,
            "replicas": self.replicas,
            "classes": self.n_classes,
            "first_late_epoch": self.first_late,
        } | self.header
        (self.work / "trajectory.json").write_text(json.dumps(header, indent=1, sort_keys=True))
        publish(self.work, self.folder)


def _mean_rows(sums: Tensor, replicas: Tensor) -> NDArray[np.float32]:
    """Rows normalised to sum 1; NaN where no replica qualified. (N, C), (N,) -> (N, C)."""
    probs = sums / sums.sum(1, keepdim=True)
    probs[replicas == 0] = torch.nan
    return probs.cpu().numpy()
