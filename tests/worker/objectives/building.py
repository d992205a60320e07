"""Objectives by name on a small setting, and minimising their expected loss."""

from typing import Any

import torch
from torch import Tensor

from worker import objectives
from worker.objectives import Objective

NOISE = [[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.05, 0.15, 0.8]]
CLASSES = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64)


def build(
    name: str,
    *,
    n_classes: int = 3,
    n_samples: int = 6,
    replicas: int = 2,
    epochs: int = 10,
    features: int = 0,
    targets: Tensor | None = None,
    seed: int = 0,
    **options: Any,
) -> Objective:
    """In double precision, at its last epoch, past every warm-up."""
    objective = objectives.create(
        name,
        options,
        n_classes=n_classes,
        n_samples=n_samples,
        replicas=replicas,
        epochs=epochs,
        targets=torch.arange(n_samples) % n_classes if targets is None else targets,
        generator=torch.Generator().manual_seed(seed),
        features=features,
    ).double()
    objective.start_epoch(objective.stages[0] - 1)
    return objective


def a_batch(n_classes: int = 3, n: int = 6, replicas: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(7)
    shape = (n, replicas, n_classes)
    logits = 2 * torch.randn(shape, generator=generator, dtype=torch.float64)
    return logits, torch.arange(n) % n_classes, torch.arange(n)


def per_label(objective: Objective, logits: Tensor) -> Tensor:
    """The loss of one vector of logits under each given label, (C,)."""
    n_classes = len(logits)
    rows = logits.expand(n_classes, objective.setting.replicas, -1)
    every = torch.arange(n_classes)
    return objective(rows, every, every)[:, 0]


def minimiser(objective: Objective, given: Tensor) -> tuple[Tensor, float]:
    """The softmax that minimises the expected loss where labels come from `given` (C,)."""
    logits = torch.zeros(len(given), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([logits], max_iter=500, line_search_fn="strong_wolfe",
                                  tolerance_grad=1e-10, tolerance_change=1e-14)  # fmt: skip

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = (given * per_label(objective, logits)).sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    return logits.detach().softmax(0), float(closure().detach())
