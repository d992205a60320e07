"""One shard, fully decided: its spec, and the network and the objective that it describes.

The shards of an audit and the classifier are built by the same functions.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from worker import objectives
from worker.objectives import Objective
from worker.training.checkpoint import State
from worker.training.loop import Hyperparameters
from worker.training.networks import NETWORKS, Network

OnProgress = Callable[[float], None]
OnEpoch = Callable[[Callable[[], State]], None]

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
    encoder: str = ""  # what the network `fine_tuned` fine-tunes
    replicas: int = 0
    epochs: int = 0
    hidden: int = 0
    batch_size: int = 0
    learning_rate: float = 0.0
    weight_decay: float = 0.0

    def hyperparameters(self, *, epochs: int) -> Hyperparameters:
        """Of a training of `epochs` epochs, which may be one of several stages."""
        return Hyperparameters(
            epochs=epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            seed=self.seed + 2,
        )


def build_network(
    spec: ShardSpec, shape: tuple[int, ...], n_classes: int, generator: torch.Generator
) -> Network:
    """A fresh network for one sample's `shape`; what is random comes from the generator alone."""
    if spec.network == "fine_tuned":
        from worker.encoders.fine_tuned import load_backbone
        from worker.training.fine_tuned import FineTunedNetwork

        return FineTunedNetwork(load_backbone(spec.encoder), n_classes, spec.replicas, generator)
    sized = {"hidden": spec.hidden} if spec.network == "mlp" else {}
    return NETWORKS[spec.network](shape, n_classes, spec.replicas, generator, **sized)


def build_objective(
    spec: ShardSpec,
    network: Network,
    targets: Tensor,
    n_classes: int,
    generator: torch.Generator,
) -> Objective:
    """The spec's objective for the targets (N,)."""
    return objectives.create(
        spec.objective,
        spec.options,
        n_classes=n_classes,
        n_samples=len(targets),
        replicas=spec.replicas,
        epochs=spec.epochs,
        targets=targets,
        generator=generator,
        features=network.n_features,
    )


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
