"""Checkpoints of a shard's training, so that a killed worker costs seconds, not the shard.

Every holder of the job writes a working folder of its own, named by its fence: recorded epochs,
and beside them `checkpoint.pt`, replaced by rename. The next holder copies what the newest
checkpoint covers and removes the rest, so a worker that lost its lease without noticing writes
where nobody reads. On one machine's CPU the continued training gives the same bytes.
"""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
import torch
from torch import Tensor, nn

from service.core.disk_full import is_disk_full
from service.storage.atomic import publish

log = structlog.get_logger()

FILE = "checkpoint.pt"
VERSION = 2  # of what it holds; a training that an older version began starts over
SHARE = 0.05  # largest share of the time spent on checkpoints
State = dict[str, Any]


class Checkpoints:
    """The checkpoints of one shard, as the holder of one fence sees them.

    Parameters
    ----------
    folder : the shard's result
    fence : the holder's; later holders have larger ones
    every_seconds : least time between two checkpoints, longer where writing one is slow
    """

    def __init__(self, folder: Path, *, fence: int = 0, every_seconds: float = 5.0) -> None:
        self.folder = folder
        self.work = folder.with_name(f".{folder.name}-{fence:010d}")
        self._every, self._cost = every_seconds, 0.0
        self._saved_at = time.monotonic()

    def restore(self) -> State | None:
        """The newest state that an earlier holder left, its files copied into this one's folder."""
        shutil.rmtree(self.work, ignore_errors=True)
        state = None
        for earlier in sorted(self._earlier(), reverse=True):
            if (state := _load(earlier / FILE)) is not None:
                shutil.copytree(earlier, self.work, ignore=shutil.ignore_patterns(FILE, ".*"))
                self._write(state)
                break
        for earlier in self._earlier():
            shutil.rmtree(earlier, ignore_errors=True)
        return state

    def _earlier(self) -> list[Path]:
        return [p for p in self.folder.parent.glob(f".{self.folder.name}-*") if p < self.work]

    def save_if_due(self, state: Callable[[], State]) -> None:
        """Write a checkpoint unless the last is recent. On a full disk the older one stays."""
        began = time.monotonic()
        if began - self._saved_at < max(self._every, self._cost / SHARE):
            return
        try:
            self._write(state())
        except Exception as error:
            if not is_disk_full(error):
                raise
            log.warning("checkpoint_not_written", error=str(error))
        self._saved_at = time.monotonic()
        self._cost = self._saved_at - began

    def _write(self, state: State) -> None:
        """Raises FileNotFoundError where a later holder has removed the working folder."""
        temporary = self.work / f".{FILE}"
        try:
            with temporary.open("wb") as file:  # an open file's errors say when the disk is full
                torch.save({"version": VERSION, "state": state}, file)
            publish(temporary, self.work / FILE)
        finally:
            temporary.unlink(missing_ok=True)

    def finish(self) -> None:
        """Remove the checkpoint from the working folder, which is about to become the result."""
        (self.work / FILE).unlink(missing_ok=True)

    def delete(self) -> None:
        """Remove every working folder: the result exists."""
        for path in (*self._earlier(), self.work):
            shutil.rmtree(path, ignore_errors=True)


def _load(path: Path) -> State | None:
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        return None
    except Exception as error:  # damaged: start over
        log.warning("checkpoint_unreadable", path=str(path), error=str(error))
        return None
    state: State | None = stored["state"] if stored.get("version") == VERSION else None
    return state


def module_state(module: nn.Module) -> State:
    """Every parameter and buffer, which parameters are trained, and submodules' extra state."""
    tensors = dict(module.named_parameters()) | dict(module.named_buffers())
    return {
        "tensors": {name: tensor.detach().cpu() for name, tensor in tensors.items()},
        "trained": {name: p.requires_grad for name, p in module.named_parameters()},
        "extra": {
            name: part.get_extra_state()
            for name, part in module.named_modules()
            if type(part).get_extra_state is not nn.Module.get_extra_state
        },
    }


@torch.no_grad()
def load_module_state(module: nn.Module, state: State) -> None:
    """Load what `module_state` gave of a module built alike, whose buffers may have been added or
    resized since it was built, which torch's own `load_state_dict` refuses."""
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    for name, tensor in state["tensors"].items():
        owner, _, leaf = name.rpartition(".")
        part = module.get_submodule(owner)
        parameter = part._parameters.get(leaf)
        if parameter is not None:
            parameter.copy_(tensor)
            parameter.requires_grad_(state["trained"][name])
        else:
            buffer = _buffer_like(part, leaf, tensor).to(device)
            persistent = leaf not in part._non_persistent_buffers_set
            part.register_buffer(leaf, buffer, persistent=persistent)
    for name, extra in state["extra"].items():
        module.get_submodule(name).set_extra_state(extra)


def _buffer_like(part: nn.Module, leaf: str, tensor: Tensor) -> Tensor:
    present = part._buffers.get(leaf)
    return tensor if present is None else tensor.to(present.dtype)
