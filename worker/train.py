"""The training loop: K replicas at once, the recorder fed by the training pass itself."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from worker.objectives import Objective
from worker.recorder import Recorder


def poisson_bootstrap(n_samples: int, replicas: int, seed: int) -> Tensor:
    """How often each replica's bootstrap draws each sample: (N, K) uint8, Poisson(1).

    Poisson counts are the large-sample limit of drawing N of N with replacement; a replica leaves
    out (count 0) 37 % of the samples.
    """
    generator = torch.Generator().manual_seed(seed)
    rates = torch.ones((n_samples, replicas))
    return torch.poisson(rates, generator=generator).to(torch.uint8)


def train(
    network: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    *,
    objective: Objective,
    in_bag: Tensor,
    recorder: Recorder,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float,
    seed: int,
    device: torch.device,
    on_epoch: Callable[[int], None] | None = None,
) -> None:
    """Train every replica of `network` and record how it treats every sample.

    inputs (N, ...) and targets (N,) live on the device for the whole run; in_bag (N, K) weights
    each replica's loss. `on_epoch(epoch)` is called after each epoch, 1 to `epochs`, and may raise
    to stop. The same seed on the same CPU gives the same bits.

    Raises
    ------
    TrainingDiverged
        A loss stopped being finite.
    """
    network.to(device).train()
    objective.to(device).train()
    inputs, targets, weights = inputs.to(device), targets.to(device), in_bag.to(device)
    parameters = [*network.parameters(), *objective.parameters()]
    optimiser = torch.optim.AdamW(
        parameters, lr=learning_rate, weight_decay=weight_decay, fused=True
    )
    n_batches = -(-len(inputs) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, learning_rate, total_steps=epochs * n_batches + 1, cycle_momentum=False
    )
    generator = torch.Generator().manual_seed(seed)

    for epoch in range(epochs):
        objective.start_epoch(epoch)
        order = torch.randperm(len(inputs), generator=generator).to(device)
        # tensor_split: batches differ by at most one sample, so none is ever a lone leftover.
        for indices in torch.tensor_split(order, n_batches):
            batch = inputs[indices]
            if batch.dtype == torch.float16:
                batch = batch.float()
            logits = network(batch)  # (B, K, C)
            losses = objective(logits, targets[indices], indices)  # (B, K)
            recorder.record(indices, targets[indices], logits, losses)
            optimiser.zero_grad()
            (losses * weights[indices]).mean(0).sum().backward()
            optimiser.step()
            schedule.step()
            objective.after_step()
        objective.end_epoch(epoch)
        recorder.end_epoch()
        if on_epoch is not None:
            on_epoch(epoch + 1)
