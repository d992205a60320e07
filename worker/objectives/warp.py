"""WARP: a ranking loss over the classes."""

import torch
from torch import Tensor

from worker.objectives.base import (
    Draws,
    Objective,
    Setting,
    of_given,
)

_LOG_CAP = 10.0


def rank_costs(weights: str, n_classes: int) -> Tensor:
    """What it costs to stand at rank 0, 1, ..., C - 1: (C,), from 0 and never falling."""
    ranks = torch.arange(n_classes, dtype=torch.float64)
    if weights == "harmonic":
        costs = torch.cat([ranks[:1], ranks[1:].reciprocal().cumsum(0)])
    elif weights == "mean":
        costs = ranks / max(1, n_classes - 1)
    elif weights == "top_one":
        costs = (ranks > 0).double()
    else:
        costs = ranks.clamp_min(1.0).log().clamp_max(_LOG_CAP)
    return costs.float()


class WeightedApproximateRank(Objective):
    """WARP: Weston, Bengio and Usunier, IJCAI 2011 (WSABIE).

    A class i violates when `1 + f_i > f_y`; r counts the violators and `L(r) = sum_{j<=r} 1/j` is
    what rank r costs. `exact` is `L(r) / r * sum_i [1 - f_y + f_i]_+` over the violators, with
    `L(r) / r` held constant in the gradient; no violator costs 0. `sampled` is the paper's
    algorithm 1: draw other classes until, after N draws, one violates; its hinge costs
    `L(floor((C - 1) / N))`. N and the violator are drawn at once from their joint law (N geometric,
    the violator uniform), so thousands of classes cost no loop. Its mean is not the exact loss:
    `L(floor((C - 1) / N))` is a biased estimate of `L(r)`. Without replacement a random order of
    the classes is walked instead.

    Other costs: `mean` k / (C - 1), `top_one` 1, `log` min(10, log k) as in LightFM. `plain` counts
    `f_i >= f_y` for the rank. The paper's bound on the weights' norm is left to weight decay.
    """

    name = "warp"
    costs: Tensor  # (C,)

    def __init__(
        self, setting: Setting, *, mode: str, weights: str, rank: str, replacement: bool
    ) -> None:
        super().__init__(setting, mode=mode, weights=weights, rank=rank, replacement=replacement)
        self.sampled, self.plain, self.replacement = mode == "sampled", rank == "plain", replacement
        self.draws = Draws(setting.generator)
        self.register_buffer("costs", rank_costs(weights, setting.n_classes))

    def forward(self, logits: Tensor, targets: Tensor, indices: Tensor) -> Tensor:  # noqa: ARG002
        given = of_given(logits, targets).unsqueeze(2)
        hinges = (1.0 - given + logits).clamp_min(0.0)  # (B, K, C)
        violates = logits >= given if self.plain else hinges > 0
        violates = violates.scatter(2, targets.view(-1, 1, 1).expand_as(given), False)
        if self.sampled:
            return self._sampled(hinges, violates, targets)
        rank = violates.sum(2)
        weight = self.costs[rank].to(logits.dtype) / rank.clamp_min(1)
        return weight * (hinges * violates).sum(2)

    def _sampled(self, hinges: Tensor, violates: Tensor, targets: Tensor) -> Tensor:
        others = hinges.shape[2] - 1
        scores = self.draws.uniform(tuple(hinges.shape), hinges)
        best, violator = scores.masked_fill(~violates, -1.0).max(2)  # a uniform violator
        if self.replacement:
            draws = self._geometric(violates.sum(2), others, hinges)
        else:
            own = targets.view(-1, 1, 1)
            earlier = (scores > best.unsqueeze(2)).scatter(
                2, own.expand_as(scores[:, :, :1]), False
            )
            draws = earlier.sum(2) + 1
        found = violates.any(2) & (draws <= others)
        rank = torch.div(others, draws.clamp(1, max(1, others)), rounding_mode="floor")
        weight = torch.where(found, self.costs[rank].to(hinges.dtype), 0.0)
        return weight * hinges.gather(2, violator.unsqueeze(2)).squeeze(2)

    def _geometric(self, violators: Tensor, others: int, like: Tensor) -> Tensor:
        """Draws with replacement until one of `violators` among `others` classes comes up."""
        chance = violators / max(1, others)
        uniform = self.draws.uniform(tuple(violators.shape), like)
        # P(N > n) = (1 - p)^n; certain violators (p = 1) give log1p(-1) = -inf and N = 1.
        draws = torch.log1p(-uniform) / torch.log1p(-chance.to(like.dtype))
        return draws.nan_to_num(nan=0.0, posinf=2.0 * others).clamp_max(2.0 * others).long() + 1
