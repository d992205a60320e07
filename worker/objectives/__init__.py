"""Noise-robust training objectives, by the names declared in `service.training.OBJECTIVES`."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from service.training import resolve_options
from worker.objectives.base import Objective, Setting
from worker.objectives.cross_entropy import CrossEntropy
from worker.objectives.elr import EarlyLearningRegularization
from worker.objectives.gce import GeneralizedCrossEntropy
from worker.objectives.mae import MeanAbsoluteError
from worker.objectives.sce import SymmetricCrossEntropy

__all__ = ["OBJECTIVES", "Objective", "Setting", "create"]

OBJECTIVES: dict[str, type[Objective]] = {
    objective.name: objective
    for objective in (
        CrossEntropy,
        GeneralizedCrossEntropy,
        MeanAbsoluteError,
        SymmetricCrossEntropy,
        EarlyLearningRegularization,
    )
}


def create(
    name: str,
    options: Mapping[str, Any],
    *,
    n_classes: int,
    n_samples: int,
    replicas: int,
    epochs: int,
    targets: Tensor,
    generator: torch.Generator,
) -> Objective:
    """The objective called `name`, its options laid over its defaults.

    Raises
    ------
    BadInput
        An unknown name or option, or a value outside its range; each named.
    """
    resolved = resolve_options(name, options)
    setting = Setting(n_classes, n_samples, replicas, epochs, targets, generator)
    return OBJECTIVES[name](setting, **resolved)
