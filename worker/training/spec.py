"""One shard, fully decided: its spec, the network and objective that it describes, their training.

The shards of an audit and the classifier are built and trained by these same functions.
"""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from worker import objectives
from worker.objectives import Objective
from worker.training.checkpoint import State
from worker.training.loop import train
from worker.training.networks import NETWORKS, Network
from worker.training.recorder import Recorder

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

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "ShardSpec":
        return cls(**json.loads(text))


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
        features=network.features,
    )


def train_stage(
    spec: ShardSpec,
    network: Network,
    objective: Objective,
    features: Tensor,
    targets: Tensor,
    in_bag: Tensor,
    *,
    device: torch.device,
    recorder: Recorder | None = None,
    on_progress: OnProgress,
    on_epoch: OnEpoch | None = None,
    resume: State | None = None,
) -> None:
    """Train the network through the objective's first stage; `on_progress(share)` of that stage."""
    train(
        network,
        features,
        targets,
        objective=objective,
        in_bag=in_bag,
        recorder=recorder,
        epochs=objective.stages[0],
        batch_size=spec.batch_size,
        learning_rate=spec.learning_rate,
        weight_decay=spec.weight_decay,
        seed=spec.seed + 2,
        device=device,
        on_progress=on_progress,
        on_epoch=on_epoch,
        resume=resume,
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
