"""Noise-robust training objectives, by the names in `service.options.objectives.OBJECTIVES`."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from service.options.objectives import resolve_options
from worker.objectives.base import Objective, Setting
from worker.objectives.bootstrap import Bootstrap
from worker.objectives.co_teaching import CoTeaching
from worker.objectives.cross_entropy import CrossEntropy
from worker.objectives.elr import EarlyLearningRegularization
from worker.objectives.forward import ForwardCorrection
from worker.objectives.gce import GeneralizedCrossEntropy
from worker.objectives.instance_transition import InstanceTransition
from worker.objectives.joint_optimization import JointOptimization
from worker.objectives.mae import MeanAbsoluteError
from worker.objectives.margins import Ramp, Unhinged
from worker.objectives.mse import MeanSquaredError
from worker.objectives.noise_layer import NoiseLayer
from worker.objectives.nonlinear_noise import DropoutNoiseLayer, QuasiClustering
from worker.objectives.sce import SymmetricCrossEntropy
from worker.objectives.soft_noise import BackwardCorrection, SoftNoise
from worker.objectives.warp import WeightedApproximateRank

__all__ = ["OBJECTIVES", "Objective", "Setting", "create"]

OBJECTIVES: dict[str, type[Objective]] = {
    objective.name: objective
    for objective in (
        CrossEntropy,
        GeneralizedCrossEntropy,
        MeanAbsoluteError,
        MeanSquaredError,
        Ramp,
        Unhinged,
        SymmetricCrossEntropy,
        Bootstrap,
        WeightedApproximateRank,
        ForwardCorrection,
        BackwardCorrection,
        SoftNoise,
        NoiseLayer,
        DropoutNoiseLayer,
        QuasiClustering,
        InstanceTransition,
        EarlyLearningRegularization,
        JointOptimization,
        CoTeaching,
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
    features: int = 0,
) -> Objective:
    """The objective called `name`, its options laid over its defaults.

    Raises
    ------
    BadInput
        An unknown name or option, or a value outside its range; each named.
    """
    resolved = resolve_options(name, options)
    setting = Setting(n_classes, n_samples, replicas, epochs, targets, generator, features)
    return OBJECTIVES[name](setting, **resolved)
