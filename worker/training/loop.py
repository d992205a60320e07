"""The training loop: K replicas at once, the recorder fed by the training pass itself."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worker.objectives import Objective
from worker.training.checkpoint import State, bring_to, state_of
from worker.training.networks import Network
from worker.training.recorder import Recorder

FEWEST_FOLDS = 4


def poisson_bootstrap(n_samples: int, replicas: int, seed: int) -> Tensor:
    """How often each replica's bootstrap draws each sample: (N, K) uint8, Poisson(1).

    Poisson counts are the large-sample limit of drawing N of N with replacement; a replica leaves
    out (count 0) 37 % of the samples.
    """
    generator = torch.Generator().manual_seed(seed)
    rates = torch.ones((n_samples, replicas))
    return torch.poisson(rates, generator=generator).to(torch.uint8)


def deal_out(labels: NDArray[np.int64], replicas: int, seed: int) -> NDArray[np.bool_]:
    """(N, K) True where replica k leaves the sample out, a quarter of all.

    As many folds as replicas, at least four, the classes spread evenly over them; replica k leaves
    out fold k and so many that follow. From four replicas on, every sample is left out by one at
    least, which a bootstrap promises only with twenty.
    """
    folds = max(replicas, FEWEST_FOLDS)
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    fold = np.empty(len(labels), np.int64)
    fold[by_class] = np.arange(len(labels)) % folds
    distance = (np.arange(replicas)[None, :] - fold[:, None]) % folds
    return distance < folds // FEWEST_FOLDS


def train(
    network: Network,
    inputs: Tensor,
    targets: Tensor,
    *,
    objective: Objective,
    in_bag: Tensor,
    recorder: Recorder | None = None,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float,
    seed: int,
    device: torch.device,
    on_progress: Callable[[float], None] | None = None,
    on_epoch: Callable[[Callable[[], State]], None] | None = None,
    resume: State | None = None,
) -> None:
    """Train every replica of `network` and record, if asked to, how it treats every sample.

    inputs (N, ...) and targets (N,) live on the device for the whole run, but for inputs that the
    network streams; in_bag (N, K) weights each replica's loss. `on_progress(share)` is called after
    each batch with the share of all batches that are done, and may raise to stop. `on_epoch(state)`
    is called after each epoch with what tells the state of the training then; given that as
    `resume`, a training of things built alike goes on from there. The same seed on the same CPU
    gives the same bits, in one go or not.

    Raises
    ------
    TrainingDiverged
        A loss stopped being finite.
    """
    network.to(device).train()
    objective.to(device).train()
    targets, weights = targets.to(device), in_bag.to(device)
    if not network.streams:
        inputs = inputs.to(device)
    n_batches = -(-len(inputs) // batch_size)
    done, total = 0, epochs * n_batches
    optimiser, schedule = _optimiser(network, objective, learning_rate, weight_decay, steps=total)
    generator = torch.Generator().manual_seed(seed)
    first = 0
    if resume is not None:
        first = resume["epoch"]
        done = first * n_batches
        bring_to(network, resume["network"])
        bring_to(objective, resume["objective"])
        optimiser.load_state_dict(resume["optimiser"])
        schedule.load_state_dict(resume["schedule"])
        generator.set_state(resume["generator"])

    for epoch in range(first, epochs):
        objective.start_epoch(epoch)
        order = torch.randperm(len(inputs), generator=generator).to(device)
        # tensor_split: batches differ by at most one sample, so none is ever a lone leftover.
        for indices in torch.tensor_split(order, n_batches):
            batch = inputs[indices.to(inputs.device)].to(device)
            if batch.dtype == torch.float16:
                batch = batch.float()
            representation = network.represent(batch)  # (B, K, F)
            logits = network.classify(representation)  # (B, K, C)
            objective.observe(representation)
            losses = objective(logits, targets[indices], indices)  # (B, K)
            if recorder is not None:
                recorder.record(indices, targets[indices], logits, losses)
            optimiser.zero_grad()
            (losses * weights[indices]).mean(0).sum().backward()
            optimiser.step()
            schedule.step()
            objective.after_step()
            done += 1
            if on_progress is not None:
                on_progress(done / total)
        objective.end_epoch(epoch)
        if recorder is not None:
            recorder.end_epoch()
        if on_epoch is not None:
            parts = (network, objective, optimiser, schedule, generator)
            on_epoch(partial(_state, epoch + 1, *parts))


def _state(
    epoch: int,
    network: Network,
    objective: Objective,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    generator: torch.Generator,
) -> State:
    return {
        "epoch": epoch,
        "network": state_of(network),
        "objective": state_of(objective),
        "optimiser": optimiser.state_dict(),
        "schedule": schedule.state_dict(),
        "generator": generator.get_state(),
    }


def _optimiser(
    network: Network,
    objective: Objective,
    learning_rate: float,
    weight_decay: float,
    *,
    steps: int,
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW over one cycle, or at a constant rate where the objective relies on that.

    The objective's own parameters form a group with their own rate and no weight decay: what they
    should shrink towards is the objective's to say.
    """
    groups: list[dict[str, Any]] = [
        {"params": parameters, "lr": learning_rate * factor}
        for parameters, factor in network.rates()
    ]
    if own := list(objective.parameters()):
        rate = learning_rate * objective.rate
        groups.append({"params": own, "lr": rate, "weight_decay": 0.0})
    optimiser = torch.optim.AdamW(groups, weight_decay=weight_decay, fused=True)
    if objective.constant_rate:
        return optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, lambda _step: 1.0)
    peaks = [group["lr"] for group in groups]
    return optimiser, torch.optim.lr_scheduler.OneCycleLR(
        optimiser, peaks, total_steps=steps + 1, cycle_momentum=False
    )
