"""Everything an audit computes before ranking: which shards to run, and running one.

A shard is the unit of distribution: it needs only its spec, the inputs and the labels, writes one
folder, and writes the same bytes whenever and wherever (CPU) it runs.
"""

import json
import math
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from service.errors import BadInput
from service.ranking.evidence import Evidence
from service.ranking.trajectory import Trajectory
from service.training import TrainingConfig, resolve_options
from worker import families, objectives
from worker.models import NETWORKS, Network
from worker.objectives import Objective
from worker.recorder import Recorder, first_late_epoch, publish_folder
from worker.train import poisson_bootstrap, train

SHARD_FILE = "shard.json"
PROBABILITIES_FILE = "probabilities.npy"
OnProgress = Callable[[float], None]

_SMALL = 20_000 * 64  # numbers in a table that scikit-learn's families still fit in seconds
_FEW_EPOCHS = 20  # averages over epochs need some, however many steps they take
# Above these numbers of samples fewer replicas, and smaller ones trained for fewer epochs, rank as
# well within .01 of average precision in a third of the time.
_MEDIUM, _LARGE, _FEW_EPOCHS_LARGE, _STEPS_LARGE = 10_000, 20_000, 12, 600
# Optimiser steps to convergence. Few features make curved classes that take long to fit; many make
# nearly linear ones, which a longer training only memorises.
_STEPS, _STEPS_FEW_FEATURES, _FEW_FEATURES = 1000, 4500, 128
_LOGIT_BUDGET = 2**25  # B * K * C: bounds a batch's activations to about 128 MiB each
_ONE_THREAD_WORK = 2**26  # multiplications in a batch's largest product, below which threads wait


@dataclass(frozen=True)
class ShardSpec:
    """One shard, fully decided: nothing is left to the machine that runs it."""

    number: int
    family: str
    seed: int
    objective: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    network: str = ""
    replicas: int = 0
    epochs: int = 0
    hidden: int = 0
    batch_size: int = 0
    learning_rate: float = 0.0
    weight_decay: float = 0.0

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "ShardSpec":
        return cls(**json.loads(text))


def plan_shards(
    config: TrainingConfig, *, shape: tuple[int, ...], n_classes: int
) -> list[ShardSpec]:
    """The shards of an audit of inputs of `shape`: (N, D) vectors or (N, channels, H, W) images.

    Raises
    ------
    BadInput
        The network or the families asked for cannot read such inputs.
    """
    images = len(shape) == 4
    chosen = config.families or _suitable_families(shape)
    if images and set(chosen) != {"network"}:
        raise BadInput("Images without an encoder can only be read by the family network.")
    shards: list[ShardSpec] = []
    if "network" in chosen:
        wanted = config.replicas or (8 if images or shape[0] > _MEDIUM else 16)
        for first in range(0, wanted, config.replicas_per_shard):
            replicas = min(config.replicas_per_shard, wanted - first)
            shards.append(_network_shard(config, len(shards), replicas, shape, n_classes))
    for family in families.FAMILIES:
        if family in chosen:
            shards.append(ShardSpec(number=len(shards), family=family, seed=config.seed))
    return shards


def _network_shard(
    config: TrainingConfig, number: int, replicas: int, shape: tuple[int, ...], n_classes: int
) -> ShardSpec:
    images = len(shape) == 4
    network = config.network
    if network == "auto":
        network = "cnn" if images else "mlp"
    if (network == "cnn") != images:
        reads = "images without an encoder" if network == "cnn" else "vectors"
        raise BadInput(f"The network {network} reads {reads}; the inputs here are not such.")
    batch = config.batch_size or _batch_size(shape[0], replicas * n_classes)
    return ShardSpec(
        number=number,
        family="network",
        seed=config.seed + 1000 * number,
        objective=config.objective,
        options=resolve_options(config.objective, config.objective_options),
        network=network,
        replicas=replicas,
        epochs=config.epochs or _epochs(shape, batch),
        hidden=config.hidden or (64 if shape[0] > _LARGE else 128),
        batch_size=batch,
        learning_rate=config.learning_rate * (batch / 256) ** 0.5,
        weight_decay=config.weight_decay,
    )


def _epochs(shape: tuple[int, ...], batch: int) -> int:
    vectors = len(shape) == 2
    large = vectors and shape[0] > _LARGE
    few, steps = (_FEW_EPOCHS_LARGE, _STEPS_LARGE) if large else (_FEW_EPOCHS, _STEPS)
    if vectors and shape[1] < _FEW_FEATURES:
        steps = _STEPS_FEW_FEATURES
    return max(few, -(-steps // -(-shape[0] // batch)))


def run_shard(
    spec: ShardSpec,
    inputs: NDArray[Any],
    labels: NDArray[np.integer[Any]],
    n_classes: int,
    folder: Path,
    *,
    device: str | torch.device = "cpu",
    on_progress: OnProgress | None = None,
) -> None:
    """Run one shard and write its folder; a folder that already holds this spec is kept.

    inputs (N, D) float16/32 or (N, channels, H, W) uint8, labels (N,) in [0, n_classes).
    `on_progress(share)` gets shares of the shard's work in (0, 1] and may raise to stop, which
    leaves nothing behind.
    """
    if is_complete(spec, folder):
        return
    if len(inputs) != len(labels):
        raise ValueError(f"{len(inputs)} inputs but {len(labels)} labels")
    run = _run_network if spec.family == "network" else _run_family
    report = on_progress or (lambda _share: None)
    with threads_for(spec, inputs.shape):
        run(spec, inputs, labels, n_classes, folder, torch.device(device), report)


def is_complete(spec: ShardSpec, folder: Path) -> bool:
    """Whether `folder` already holds what this spec would write."""
    path = folder / ("trajectory.json" if spec.family == "network" else SHARD_FILE)
    if not path.exists():
        return False
    return bool(json.loads(path.read_text()).get("spec") == asdict(spec))


def load_evidence(
    folders: Iterable[Path], labels: NDArray[np.integer[Any]], n_classes: int
) -> Evidence:
    """What ranking reads, from the folders that `run_shard` wrote."""
    trajectories: list[Trajectory] = []
    probabilities: dict[str, NDArray[np.float32]] = {}
    for folder in folders:
        if (folder / "trajectory.json").exists():
            trajectories.append(Trajectory.load(folder))
        else:
            family = json.loads((folder / SHARD_FILE).read_text())["spec"]["family"]
            probabilities[family] = np.load(folder / PROBABILITIES_FILE)
    return Evidence(
        labels=labels, n_classes=n_classes, trajectories=trajectories, probabilities=probabilities
    )


def learned_noise_matrix(folders: Iterable[Path]) -> NDArray[np.float64] | None:
    """The mean of what the objectives with a noise matrix learned or were told, over the shards;
    None where no objective had one. (C, C), rows = true class, each sums to 1."""
    matrices = [
        np.load(path) for folder in folders if (path := folder / "noise_matrix.npy").exists()
    ]
    return np.mean(matrices, axis=0) if matrices else None


def _run_network(
    spec: ShardSpec,
    inputs: NDArray[Any],
    labels: NDArray[Any],
    n_classes: int,
    folder: Path,
    device: torch.device,
    report: OnProgress,
) -> None:
    targets = torch.from_numpy(labels.astype(np.int64))
    train_network(spec, _as_tensor(inputs), targets, n_classes, folder, device, report)


def train_network(
    spec: ShardSpec,
    features: Tensor,
    targets: Tensor,
    n_classes: int,
    folder: Path,
    device: torch.device,
    report: OnProgress,
) -> Network:
    """Every stage of the spec's objective, recorded into `folder`; the last stage's network."""
    generator = torch.Generator().manual_seed(spec.seed)
    sized = {"hidden": spec.hidden} if spec.network == "mlp" else {}

    def fresh_network() -> Network:
        return NETWORKS[spec.network](
            tuple(features.shape[1:]), n_classes, spec.replicas, generator, **sized
        )

    network = fresh_network()
    in_bag = poisson_bootstrap(len(targets), spec.replicas, spec.seed + 1)
    objective = objectives.create(
        spec.objective,
        spec.options,
        n_classes=n_classes,
        n_samples=len(targets),
        replicas=spec.replicas,
        epochs=spec.epochs,
        targets=targets,
        generator=generator,
        features=network.features,
    )
    stages = objective.stages
    with Recorder(
        folder,
        in_bag=in_bag,
        n_classes=n_classes,
        epochs=spec.epochs,
        device=device,
        header={
            "objective": spec.objective,
            "seed": spec.seed,
            "stages": list(stages),
            "spec": asdict(spec),
        },
        first_late=sum(stages[:-1]) + first_late_epoch(stages[-1]),
    ) as recorder:
        stage: Objective | None = objective
        while stage is not None:
            train(
                network,
                features,
                targets,
                objective=stage,
                in_bag=in_bag,
                recorder=recorder,
                epochs=stage.stages[0],
                batch_size=spec.batch_size,
                learning_rate=spec.learning_rate,
                weight_decay=spec.weight_decay,
                seed=spec.seed + 2,
                device=device,
                on_epoch=lambda _epoch: report(recorder.epoch / spec.epochs),
            )
            recorder.keep(stage.arrays())
            stage = stage.next_stage()
            if stage is not None:
                network = fresh_network()
    return network


def _run_family(
    spec: ShardSpec,
    inputs: NDArray[Any],
    labels: NDArray[Any],
    n_classes: int,
    folder: Path,
    device: torch.device,
    report: OnProgress,
) -> None:
    features = _as_tensor(inputs).float().to(device)
    probs = families.FAMILIES[spec.family](
        features, labels.astype(np.int64), n_classes, seed=spec.seed, report=report
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        np.save(work / PROBABILITIES_FILE, probs.astype(np.float32))
        header = json.dumps({"spec": asdict(spec)}, indent=1, sort_keys=True)
        (work / SHARD_FILE).write_text(header)
        publish_folder(work, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    report(1.0)


@contextmanager
def threads_for(spec: ShardSpec, shape: tuple[int, ...]) -> Iterator[None]:
    """One thread where a batch is too little work to share: there, threads mostly wait, and beside
    other processes they wait ten times as long as the work takes."""
    before = torch.get_num_threads()
    work = spec.batch_size * spec.replicas * spec.hidden * math.prod(shape[1:])
    if spec.network in ("linear", "mlp") and work < _ONE_THREAD_WORK:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _as_tensor(inputs: NDArray[Any]) -> Tensor:
    """Images as they are; vectors standardised, as float32."""
    if inputs.ndim == 4:
        return torch.from_numpy(np.ascontiguousarray(inputs))
    return families.standardise(torch.from_numpy(np.ascontiguousarray(inputs, np.float32)))


def _suitable_families(shape: tuple[int, ...]) -> tuple[str, ...]:
    if len(shape) == 4:
        return ("network",)
    if shape[0] * shape[1] <= _SMALL:
        return ("network", "neighbours", "logistic", "trees")
    return ("network", "neighbours")


def _batch_size(n_samples: int, outputs: int) -> int:
    """A power of two that gives an epoch about 32 steps, within the bounds of memory."""
    wanted = 1 << max(0, (n_samples // 32).bit_length() - 1)
    return max(2, min(1024, max(16, wanted), _LOGIT_BUDGET // outputs))
