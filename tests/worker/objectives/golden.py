"""What each objective makes of a small, lopsided training, number by number.

`python -m tests.worker.objectives.golden` writes the numbers. Whoever changes them on purpose
writes them anew and says in the commit why they are better.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from worker import objectives
from worker.objectives import OBJECTIVES, Objective
from worker.training.loop import Hyperparameters, poisson_bootstrap, train
from worker.training.networks import WideMlp

FILE = Path(__file__).with_name("golden.json")
N, EPOCHS, REPLICAS, BATCH = 45, 8, 3, 15
# Noise with a direction: a third of the first class is called the second.
INSTEAD = {2: 1, 8: 1, 20: 1, 26: 1, 38: 1, 7: 2}


def trainings() -> dict[str, Any]:
    return {name: told(name) for name in OBJECTIVES}


def told(name: str) -> dict[str, Any]:
    """The losses of each replica at the end of each epoch, and what is left of it all."""
    inputs, targets = _samples()
    network = WideMlp((4,), 3, REPLICAS, torch.Generator().manual_seed(1), hidden=6)
    objective: Objective | None = objectives.create(
        name, {}, n_classes=3, n_samples=N, replicas=REPLICAS, epochs=EPOCHS, targets=targets,
        generator=torch.Generator().manual_seed(2), features=network.n_features,
    )  # fmt: skip
    losses: list[list[float]] = []
    arrays: dict[str, Any] = {}
    while objective is not None:
        objective.register_forward_hook(
            lambda _module, _given, loss: losses.append(loss.detach().mean(0).tolist())
        )
        epochs = objective.stages[0]
        chosen = Hyperparameters(epochs, BATCH, 3e-2, 1e-2, seed=3)
        train(
            network, inputs, targets, objective=objective, in_bag=poisson_bootstrap(N, REPLICAS, 4),
            hyperparameters=chosen, device=torch.device("cpu"),
        )  # fmt: skip
        arrays |= objective.arrays()
        objective = objective.next_stage()
    return {
        "losses": np.round(losses[N // BATCH - 1 :: N // BATCH], 5).tolist(),
        "arrays": {key: np.round(_short(value), 5).tolist() for key, value in arrays.items()},
        "network": round(float(sum(p.detach().abs().sum() for p in network.parameters())), 4),
    }


def _samples() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    truth = (torch.arange(N) + (torch.arange(N) % 5 == 0)) % 3  # not as many of each class
    targets = truth.clone()
    for sample, label in INSTEAD.items():
        targets[sample] = label
    centres = 2 * torch.randn((3, 4), generator=generator)
    return centres[truth] + torch.randn((N, 4), generator=generator), targets


def _short(array: Any) -> Any:
    """The first rows of arrays that have one for each sample."""
    return array[:9] if len(array) == N else array


if __name__ == "__main__":
    torch.set_num_threads(1)
    FILE.write_text(json.dumps(trainings()))
