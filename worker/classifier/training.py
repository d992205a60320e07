"""Trains a network on the cleaned labels, each replica on what it does not leave out."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worker.classifier.labels import CleanedLabels
from worker.training.checkpoint import Checkpoints
from worker.training.loop import holdout_masks, train
from worker.training.networks import Network
from worker.training.spec import (
    ShardSpec,
    build_network,
    build_objective,
)


def train_on_cleaned(
    spec: ShardSpec,
    features: Tensor,
    cleaned: CleanedLabels,
    n_classes: int,
    *,
    device: torch.device,
    report: Callable[[float], None],
    checkpoints: Checkpoints | None = None,
) -> tuple[Network, NDArray[np.bool_]]:
    """The network trained on features (N, ...), going on from a checkpoint where there is one, and
    what its replicas left out (N, K). `report(share)` may raise to stop."""
    targets = torch.from_numpy(cleaned.targets)
    generator = torch.Generator().manual_seed(spec.seed)
    network = build_network(spec, tuple(features.shape[1:]), n_classes, generator)
    left_out = holdout_masks(cleaned.targets, spec.replicas, spec.seed + 1)
    saved = None
    if checkpoints is not None:
        saved = checkpoints.restore()
        checkpoints.work.mkdir(parents=True, exist_ok=True)
    train(
        network,
        features,
        targets,
        objective=build_objective(spec, network, targets, n_classes, generator),
        in_bag=torch.from_numpy(cleaned.weights)[:, None] * ~torch.from_numpy(left_out),
        hyperparameters=spec.hyperparameters(epochs=spec.epochs),
        device=device,
        on_progress=report,
        on_epoch=checkpoints.save_if_due if checkpoints is not None else None,
        resume=saved,
    )
    return network, left_out
