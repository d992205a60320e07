"""The training loop: K replicas at once, the recorder fed by the training pass itself."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worker.objectives import Objective
from worker.training.checkpoint import State, load_module_state, module_state
from worker.training.networks import Network
from worker.training.recorder import Recorder

MIN_FOLDS = 4


def poisson_bootstrap(n_samples: int, replicas: int, seed: int) -> Tensor:
    """How often each replica's bootstrap draws each sample: (N, K) uint8, Poisson(1).

    Poisson counts are the large-sample limit of drawing N of N with replacement; a replica leaves
    out (count 0) 37 % of the samples.
    """
    generator = torch.Generator().manual_seed(seed)
    rates = torch.ones((n_samples, replicas))
    return torch.poisson(rates, generator=generator).to(torch.uint8)


def holdout_masks(labels: NDArray[np.int64], replicas: int, seed: int) -> NDArray[np.bool_]:
    """(N, K) True where replica k leaves the sample out, a quarter of all.

    As many stratified folds as replicas, at least four; replica k leaves out the quarter of the
    folds that begins with fold k. From four replicas on, every sample is left out by at least one,
    which a bootstrap makes likely only from twenty on.
    """
    folds = max(replicas, MIN_FOLDS)
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    fold = np.empty(len(labels), np.int64)
    fold[by_class] = np.arange(len(labels)) % folds
    distance = (np.arange(replicas)[None, :] - fold[:, None]) % folds
    return distance < folds // MIN_FOLDS


@dataclass(frozen=True)
class Hyperparameters:
    """Of one training of all replicas."""

    epochs: int
    batch_size: int
    learning_rate: float  # the peak of one cycle, or the constant one
    weight_decay: float
    seed: int  # of the order of the samples


@dataclass(frozen=True)
class TrainState:
    """Everything that changes while training, but for what the recorder keeps."""

    network: Network
    objective: Objective
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    generator: torch.Generator

    @classmethod
    def start(
        cls, network: Network, objective: Objective, chosen: Hyperparameters, *, steps: int
    ) -> Self:
        """AdamW over one cycle, or at a constant rate where the objective relies on that.

        The objective's own parameters form a group with their own rate and no weight decay: the
        objective itself decides what they should shrink towards.
        """
        groups: list[dict[str, Any]] = [
            {"params": parameters, "lr": chosen.learning_rate * factor}
            for parameters, factor in network.param_groups()
        ]
        if own := list(objective.parameters()):
            rate = chosen.learning_rate * objective.rate
            groups.append({"params": own, "lr": rate, "weight_decay": 0.0})
        peaks = [group["lr"] for group in groups]
        optimiser = torch.optim.AdamW(groups, weight_decay=chosen.weight_decay, fused=True)
        schedule: torch.optim.lr_scheduler.LRScheduler
        if objective.constant_rate:
            schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda _step: 1.0)
        else:
            schedule = torch.optim.lr_scheduler.OneCycleLR(
                optimiser, peaks, total_steps=steps + 1, cycle_momentum=False
            )
        generator = torch.Generator().manual_seed(chosen.seed)
        return cls(network, objective, optimiser, schedule, generator)

    def state_dict(self, *, epoch: int) -> State:
        """The state after `epoch` epochs."""
        return {
            "epoch": epoch,
            "network": module_state(self.network),
            "objective": module_state(self.objective),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: State) -> int:
        """Continue from a state; how many epochs it has behind it."""
        load_module_state(self.network, state["network"])
        load_module_state(self.objective, state["objective"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.generator.set_state(state["generator"])
        epoch: int = state["epoch"]
        return epoch


def train(
    network: Network,
    inputs: Tensor,
    targets: Tensor,
    *,
    objective: Objective,
    in_bag: Tensor,
    hyperparameters: Hyperparameters,
    device: torch.device,
    recorder: Recorder | None = None,
    on_progress: Callable[[float], None] | None = None,
    on_epoch: Callable[[Callable[[], State]], None] | None = None,
    resume: State | None = None,
) -> None:
    """Train every replica of `network` and record, if asked to, how it treats every sample.

    Parameters
    ----------
    inputs : (N, ...), moved to the device as a whole unless the network streams
    targets : (N,) given labels
    in_bag : (N, K) weights of each replica's losses
    on_progress : called after each batch with the share of all batches done; may raise to stop
    on_epoch : called after each epoch with a function that returns the state of the training
    resume : such a state of a training of things built alike, to continue from; the same seed on
        the same CPU gives the same bits, in one go or not

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
    epochs = hyperparameters.epochs
    n_batches = -(-len(inputs) // hyperparameters.batch_size)
    state = TrainState.start(network, objective, hyperparameters, steps=epochs * n_batches)
    first = 0 if resume is None else state.load_state_dict(resume)

    for epoch in range(first, epochs):
        objective.start_epoch(epoch)
        order = torch.randperm(len(inputs), generator=state.generator).to(device)
        # tensor_split: batches differ by at most one sample, so none is ever a lone leftover.
        batches = torch.tensor_split(order, n_batches)
        for done, indices in enumerate(batches, start=epoch * n_batches + 1):
            batch = inputs[indices.to(inputs.device)].to(device)
            if batch.dtype == torch.float16:
                batch = batch.float()
            features = network.features(batch)  # (B, K, F)
            logits = network.head(features)  # (B, K, C)
            objective.observe(features)
            losses = objective(logits, targets[indices], indices)  # (B, K)
            if recorder is not None:
                recorder.record(indices, targets[indices], logits, losses)
            state.optimiser.zero_grad()
            (losses * weights[indices]).mean(0).sum().backward()
            state.optimiser.step()
            state.schedule.step()
            objective.after_step()
            if on_progress is not None:
                on_progress(done / (epochs * n_batches))
        objective.end_epoch(epoch)
        if recorder is not None:
            recorder.end_epoch()
        if on_epoch is not None:
            on_epoch(partial(state.state_dict, epoch=epoch + 1))
