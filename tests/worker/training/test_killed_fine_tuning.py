"""SIGKILL to a process that fine-tunes: the next one goes on and writes the same bytes."""

import hashlib
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from service.options.training import TrainingConfig
from worker.encoders.fine_tuned import PADDING
from worker.training import checkpoint
from worker.training.checkpoint import FILE, Checkpoints
from worker.training.plan import plan_shards
from worker.training.shard import run_shard
from worker.training.spec import ShardSpec

pytestmark = pytest.mark.slow

PATIENCE = 120.0
ENCODERS = {"image": "efficientnet-lite0", "text": "all-minilm-l6-v2"}
N_CLASSES = 2


def inputs(kind: str) -> tuple[NDArray[Any], NDArray[np.int64]]:
    draw, labels = np.random.default_rng(0), np.arange(24) % N_CLASSES
    if kind == "image":
        pixels = draw.integers(0, 60, (24, 3, 32, 32))
        pixels[labels == 0, 0, 6:26, 6:26] += 150
        return pixels.astype(np.uint8), labels
    tokens = np.full((24, 16), PADDING, np.int32)
    for row, label in enumerate(labels):
        words = draw.integers(2000 + 9000 * label, 9000 + 9000 * label, draw.integers(3, 12))
        tokens[row, : len(words) + 2] = [101, *words, 102]
    return tokens, labels


def spec_of(kind: str, objective: str, shape: tuple[int, ...]) -> ShardSpec:
    config = TrainingConfig(
        network="fine_tuned", objective=objective, epochs=5, replicas=2, batch_size=8,
        families=("network",),
    )  # fmt: skip
    (spec,) = plan_shards(config, shape=shape, n_classes=N_CLASSES, encoder=ENCODERS[kind])
    return spec


def train(kind: str, objective: str, folder: Path, fence: int, told: Path) -> None:
    """Run the shard, saying in a file how far it is. Also the whole life of the victim."""
    torch.set_num_threads(1)
    checkpoint.SHARE = float("inf")  # one after every epoch
    data, labels = inputs(kind)

    def report(share: float) -> None:
        with told.open("a") as file:
            file.write(f"{share}\n")

    checkpoints = Checkpoints(folder, fence=fence, every_seconds=0)
    spec = spec_of(kind, objective, data.shape)
    run_shard(spec, data, labels, N_CLASSES, folder, on_progress=report, checkpoints=checkpoints)


def shares(told: Path) -> list[float]:
    return [float(line) for line in told.read_text().split()] if told.exists() else []


def digest(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


def kill_in_the_middle(kind: str, objective: str, folder: Path, fence: int, after: float) -> None:
    """Start the training in a process of its own and kill that between two epochs' ends."""
    told = folder.with_name(f"told-{fence}")
    victim = multiprocessing.get_context("spawn").Process(
        target=train, args=(kind, objective, folder, fence, told)
    )
    victim.start()
    deadline = time.monotonic() + PATIENCE
    while not any(share > after for share in shares(told)):
        assert victim.is_alive(), "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert victim.pid is not None
    os.kill(victim.pid, signal.SIGKILL)
    victim.join(PATIENCE)
    assert victim.exitcode == -signal.SIGKILL
    assert not folder.exists()


@pytest.mark.parametrize(
    ("kind", "objective"), [("image", "joint_optimization"), ("text", "noise_layer")]
)
def test_a_killed_fine_tuning_goes_on_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, objective: str
) -> None:
    monkeypatch.setattr(checkpoint, "SHARE", float("inf"))
    threads = torch.get_num_threads()
    try:
        train(kind, objective, tmp_path / "calm", 0, tmp_path / "told-calm")
        folder = tmp_path / "0"
        kill_in_the_middle(kind, objective, folder, fence=1, after=0.45)
        assert (tmp_path / f".0-{1:010d}" / FILE).exists()
        train(kind, objective, folder, 2, tmp_path / "told-2")
    finally:
        torch.set_num_threads(threads)
    assert shares(tmp_path / "told-2")[0] > 0.4  # two of five epochs were kept
    assert digest(folder) == digest(tmp_path / "calm")
