"""Running one shard of an audit, and reading what all of them found.

A shard is the unit of distribution: it needs only its spec, the inputs and the labels, writes one
folder, and writes the same bytes whenever and wherever (CPU) it runs.
"""

import json
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from service.ranking.evidence import Evidence
from service.ranking.trajectory import Trajectory
from worker import families
from worker.models import Network
from worker.objectives import Objective
from worker.recorder import Recorder, first_late_epoch, publish_folder
from worker.spec import (
    OnProgress,
    ShardSpec,
    build_network,
    build_objective,
    threads_for,
    train_stage,
)
from worker.train import poisson_bootstrap

SHARD_FILE = "shard.json"
PROBABILITIES_FILE = "probabilities.npy"


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
    shape = tuple(features.shape[1:])
    network = build_network(spec, shape, n_classes, generator)
    in_bag = poisson_bootstrap(len(targets), spec.replicas, spec.seed + 1)
    objective = build_objective(spec, network, targets, n_classes, generator)
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
            train_stage(
                spec,
                network,
                stage,
                features,
                targets,
                in_bag,
                device=device,
                recorder=recorder,
                on_progress=_part(report, recorder.epoch, stage.stages[0], spec.epochs),
            )
            recorder.keep(stage.arrays())
            stage = stage.next_stage()
            if stage is not None:
                network = build_network(spec, shape, n_classes, generator)
    return network


def _part(report: OnProgress, first: int, epochs: int, total: int) -> OnProgress:
    """What reports the shares of some `epochs`, from `first` on, as shares of `total`."""
    return lambda share: report((first + epochs * share) / total)


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
    kept: dict[str, NDArray[Any]] = {}
    probs = families.FAMILIES[spec.family](
        features,
        labels.astype(np.int64),
        n_classes,
        seed=spec.seed,
        report=report,
        keep=kept.__setitem__,
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        np.save(work / PROBABILITIES_FILE, probs.astype(np.float32))
        for name, values in kept.items():
            np.save(work / f"{name}.npy", values)
        header = json.dumps({"spec": asdict(spec)}, indent=1, sort_keys=True)
        (work / SHARD_FILE).write_text(header)
        publish_folder(work, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    report(1.0)


def _as_tensor(inputs: NDArray[Any]) -> Tensor:
    """Images as they are; vectors standardised, as float32."""
    if inputs.ndim == 4:
        return torch.from_numpy(np.ascontiguousarray(inputs))
    return families.standardise(torch.from_numpy(np.ascontiguousarray(inputs, np.float32)))
