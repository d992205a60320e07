"""Runs one shard of an audit, and reads the results of all of them.

A shard is the unit of distribution: it needs only its spec, the inputs and the labels, writes one
folder, and writes the same bytes whenever it runs and on whatever CPU of the same kind.
"""

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from service.audits.shard_files import PROBABILITIES_FILE, SHARD_FILE, read_shards
from service.ranking.evidence import Evidence
from service.ranking.trajectory import Trajectory
from service.storage.atomic import publish
from worker.objectives import Objective
from worker.training import families, neighbours
from worker.training.checkpoint import Checkpoints, State
from worker.training.loop import holdout_masks, poisson_bootstrap, train
from worker.training.networks import Network
from worker.training.recorder import Recorder, first_late_epoch
from worker.training.spec import (
    OnEpoch,
    OnProgress,
    ShardSpec,
    build_network,
    build_objective,
    threads_for,
)

SOFT_LABELS_FILE = "soft_labels.npy"


@dataclass(frozen=True)
class ShardRun:
    """One shard, the folder it writes, and the device that computes it."""

    spec: ShardSpec
    n_classes: int
    folder: Path
    device: torch.device
    report: OnProgress
    checkpoints: Checkpoints | None = None


def run_shard(
    spec: ShardSpec,
    inputs: NDArray[Any],
    labels: NDArray[np.integer[Any]],
    n_classes: int,
    folder: Path,
    *,
    device: str | torch.device = "cpu",
    on_progress: OnProgress | None = None,
    checkpoints: Checkpoints | None = None,
) -> None:
    """Run one shard and write its folder; a folder that already holds this spec is kept.

    inputs (N, D) float16/32 or (N, channels, H, W) uint8, labels (N,) in [0, n_classes).
    `on_progress(share)` gets shares of the shard's work in (0, 1] and may raise to stop, which
    leaves nothing behind but a checkpoint, where `checkpoints` are kept: the next run of the shard
    then goes on from there.
    """
    if is_complete(spec, folder):
        if checkpoints is not None:
            checkpoints.delete()
        return
    if len(inputs) != len(labels):
        raise ValueError(f"{len(inputs)} inputs but {len(labels)} labels")
    report = on_progress or (lambda _share: None)
    run = ShardRun(spec, n_classes, folder, torch.device(device), report, checkpoints)
    with threads_for(spec, inputs.shape):
        if spec.family != "network":
            _run_family(run, inputs, labels)
            return
        targets = torch.from_numpy(labels.astype(np.int64))
        features = _in_place(inputs) if spec.network == "fine_tuned" else _as_tensor(inputs)
        train_network(run, features, targets)


def is_complete(spec: ShardSpec, folder: Path) -> bool:
    """Whether `folder` already holds what this spec would write."""
    path = folder / ("trajectory.json" if spec.family == "network" else SHARD_FILE)
    if not path.exists():
        return False
    return bool(json.loads(path.read_text()).get("spec") == asdict(spec))


def load_evidence(
    folders: Iterable[Path], labels: NDArray[np.integer[Any]], n_classes: int
) -> Evidence:
    """The ranking's evidence from the folders that `run_shard` wrote."""
    folders = list(folders)
    trajectories, probabilities = read_shards(folders)
    return Evidence(
        labels=labels,
        n_classes=n_classes,
        trajectories=trajectories,
        probabilities=probabilities,
        relabelled=_relabelled(folders),
    )


def _relabelled(folders: list[Path]) -> NDArray[np.floating] | None:
    """The labels that the objective ended with, mean over the shards' replicas; None where it
    changes none. (N, C), rows sum to 1."""
    found = [folder for folder in folders if (folder / SOFT_LABELS_FILE).exists()]
    if not found:
        return None
    replicas = [Trajectory.load(folder).replicas for folder in found]
    total = np.zeros(1, np.float32)
    for folder, weight in zip(found, replicas, strict=True):
        total = total + weight * np.load(folder / SOFT_LABELS_FILE)
    labels: NDArray[np.floating] = total / total.sum(axis=1, keepdims=True)
    return labels


def learned_noise_matrix(folders: Iterable[Path]) -> NDArray[np.float64] | None:
    """The mean of the noise matrices that the objectives learned or were given, over the shards;
    None where no objective had one. (C, C), rows = true class, each sums to 1."""
    matrices = [
        np.load(path) for folder in folders if (path := folder / "noise_matrix.npy").exists()
    ]
    return np.mean(matrices, axis=0) if matrices else None


def train_network(run: ShardRun, features: Tensor, targets: Tensor) -> Network:
    """Train every stage of the spec's objective, recorded into the folder; the last network."""
    spec, n_classes, checkpoints = run.spec, run.n_classes, run.checkpoints
    generator = torch.Generator().manual_seed(spec.seed)
    shape = tuple(features.shape[1:])
    network = build_network(spec, shape, n_classes, generator)
    in_bag = _in_bag(spec, targets)
    objective = build_objective(spec, network, targets, n_classes, generator)
    stages = objective.stages
    saved = checkpoints.restore() if checkpoints is not None else None
    with Recorder(
        run.folder,
        in_bag=in_bag,
        n_classes=n_classes,
        epochs=spec.epochs,
        device=run.device,
        header={
            "objective": spec.objective,
            "seed": spec.seed,
            "stages": list(stages),
            "spec": asdict(spec),
        },
        first_late=sum(stages[:-1]) + first_late_epoch(stages[-1]),
        work=checkpoints.work if checkpoints is not None else None,
    ) as recorder:
        if saved is not None:
            recorder.load_state(saved["recorder"])
        stage: Objective | None = objective
        number = 0
        while stage is not None:
            if saved is None or number == saved["stage"]:
                train(
                    network,
                    features,
                    targets,
                    objective=stage,
                    in_bag=in_bag,
                    hyperparameters=spec.hyperparameters(epochs=stage.stages[0]),
                    device=run.device,
                    recorder=recorder,
                    on_progress=_share_of(
                        run.report, sum(stages[:number]), stages[number], spec.epochs
                    ),
                    on_epoch=_checkpointing(checkpoints, recorder, number),
                    resume=saved["training"] if saved is not None else None,
                )
                saved = None
                recorder.keep(stage.arrays())
            stage = stage.next_stage()
            number += 1
            if stage is not None:
                network = build_network(spec, shape, n_classes, generator)
        if checkpoints is not None:
            checkpoints.finish()
    return network


def _checkpointing(
    checkpoints: Checkpoints | None, recorder: Recorder, stage: int
) -> OnEpoch | None:
    """Saves a checkpoint after an epoch of a stage, if there are any."""
    if checkpoints is None:
        return None

    def save(training: Callable[[], State]) -> None:
        checkpoints.save_if_due(
            lambda: {"stage": stage, "recorder": recorder.state(), "training": training()}
        )

    return save


def _in_bag(spec: ShardSpec, targets: Tensor) -> Tensor:
    """(N, K) uint8. A bootstrap; the few replicas of a fine-tuned encoder use holdout masks
    instead, so that each sample is left out by one of them."""
    if spec.network != "fine_tuned":
        return poisson_bootstrap(len(targets), spec.replicas, spec.seed + 1)
    left_out = holdout_masks(targets.numpy(), spec.replicas, spec.seed + 1)
    return torch.from_numpy(~left_out).to(torch.uint8)


def _share_of(report: OnProgress, first: int, epochs: int, total: int) -> OnProgress:
    """Reports the progress of `epochs` epochs from `first` on as a share of `total`."""
    return lambda share: report((first + epochs * share) / total)


def _run_family(run: ShardRun, inputs: NDArray[Any], labels: NDArray[Any]) -> None:
    spec, checkpoints = run.spec, run.checkpoints
    features = _as_tensor(inputs).float().to(run.device)
    result = families.FAMILIES[spec.family](
        features,
        labels.astype(np.int64),
        run.n_classes,
        seed=spec.seed,
        report=run.report,
    )
    work = Checkpoints(run.folder).work if checkpoints is None else checkpoints.work
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        np.save(work / PROBABILITIES_FILE, result.probabilities.astype(np.float32))
        if result.graph is not None:
            np.save(work / neighbours.FILE, result.graph)
        header = json.dumps({"spec": asdict(spec)}, indent=1, sort_keys=True)
        (work / SHARD_FILE).write_text(header)
        publish(work, run.folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    run.report(1.0)


def _in_place(inputs: NDArray[Any]) -> Tensor:
    """The mapped file itself, of which each batch reads its rows."""
    return torch.from_numpy(inputs if inputs.flags.writeable else np.array(inputs))


def _as_tensor(inputs: NDArray[Any]) -> Tensor:
    """Images as they are; vectors standardised, as float32."""
    if inputs.ndim == 4:
        return torch.from_numpy(np.ascontiguousarray(inputs))
    return families.standardise(torch.from_numpy(np.require(inputs, np.float32, ["C", "W"])))
