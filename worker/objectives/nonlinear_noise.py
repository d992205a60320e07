"""Noise models of the form softmax(W s): a linear layer on the softmax output, then a softmax."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from worker.objectives.base import (
    Draws,
    Objective,
    Setting,
    log_p_given,
    of_given,
)
from worker.objectives.confusion import Confusion


def start_scale(confidence: float, n_classes: int) -> float:
    """The c for which softmax(c e_k) gives class k the probability `confidence`.

    With W = I a certain prediction would leave the layer with probability e / (e + C - 1), .23 for
    ten classes: too blunt to learn anything through.
    """
    return math.log((n_classes - 1) * confidence / (1.0 - confidence))


class SoftmaxNoise(Objective):
    """`W` (K, C, C), row = given label, column = true class.

    The first `frozen` share of the epochs trains with cross entropy. Then, and once more at `again`
    of the epochs, W starts from how the network's predictions stood to the given labels, as a
    column of log T for each class. Without frozen epochs W first starts at c times the identity
    (see `start_scale`).
    """

    start: Tensor  # (K, C, C)

    def __init__(
        self,
        setting: Setting,
        *,
        confidence: float,
        frozen: float,
        again: float,
        rate: float,
        **options: object,
    ) -> None:
        given = {"confidence": confidence, "frozen": frozen, "again": again, "rate": rate}
        super().__init__(setting, **given, **options)
        self.rate = rate
        self.confusion = Confusion(setting, frozen=frozen, again=again)
        start = start_scale(confidence, setting.n_classes) * torch.eye(setting.n_classes)
        start = start.expand(setting.replicas, -1, -1).clone()
        self.weight = nn.Parameter(start, requires_grad=not self.confusion.frozen_epochs)
        self.register_buffer("start", start.clone())

    @property
    def frozen(self) -> bool:
        return not self.weight.requires_grad

    def start_epoch(self, epoch: int) -> None:
        if self.confusion.starts_at(epoch) and epoch:
            self.start.copy_(self.confusion.take().log().transpose(1, 2))
            self.weight.data.copy_(self.start)
            self.weight.requires_grad_(True)

    def forward(self, logits: Tensor, targets: Tensor, indices: Tensor) -> Tensor:  # noqa: ARG002
        self.confusion.count(logits, targets)
        return -log_p_given(logits, targets) if self.frozen else self.loss(logits, targets)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        raise NotImplementedError

    def through(self, probs: Tensor, weight: Tensor) -> Tensor:
        """W s for (B, K, C) probabilities: (B, K, C)."""
        return torch.bmm(probs.transpose(0, 1), weight.transpose(1, 2)).transpose(0, 1)

    def noise_matrix(self) -> Tensor | None:
        """Row i is what leaves the layer when class i is certain."""
        return self.weight.detach().transpose(1, 2).softmax(2).mean(0)


class DropoutNoiseLayer(SoftmaxNoise):
    """Jindal, Nokleby and Chen, ICDM 2016, https://arxiv.org/abs/1705.03419.

    `-log softmax(dropout(W s))_y`, W trained jointly with the network and no part of what is
    predicted. The authors drop the layer's outputs with probability .1 (`drop = output`); their
    abstract speaks of its weights (`drop = weight`). Both scale what stays by 1 / (1 - p). How W
    starts is not published (see `SoftmaxNoise`).
    """

    name = "dropout_noise_layer"

    def __init__(self, setting: Setting, *, dropout: float, drop: str, **options: Any) -> None:
        super().__init__(setting, dropout=dropout, drop=drop, **options)
        self.dropout, self.drop_weights = dropout, drop == "weight"
        self.draws = Draws(setting.generator)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        probs = logits.softmax(2)
        if not self.training or self.dropout == 0:
            scores = self.through(probs, self.weight)
        elif self.drop_weights:
            scores = self.through(probs, self.weight * self._kept(self.weight))
        else:
            scores = self.through(probs, self.weight)
            scores = scores * self._kept(scores)
        return -of_given(scores.log_softmax(2), targets)

    def _kept(self, like: Tensor) -> Tensor:
        drawn = self.draws.uniform(tuple(like.shape), like)
        return (drawn >= self.dropout).to(like.dtype) / (1.0 - self.dropout)


class QuasiClustering(SoftmaxNoise):
    """NNAQC: Jindal et al., CVPR workshops 2019 (from its formulas; its settings are not public).

    `alpha * L_noise + (1 - alpha) * L_cluster` with `L_noise = -log softmax(W s)_y` and
    `L_cluster = -sum_k (beta s_k + (1 - beta) [k = y]) log s_k`. Here beta weights the prediction;
    its gradient flows through the target, which adds entropy minimisation (quasi-clustering),
    unless `detach_target`. `L_noise` pulls ever less where the network is certain and disagrees.
    alpha 0, beta 0 is cross entropy. `pull` keeps W near its start. Every default is ours: alpha
    .7, beta .3 after a rise over the first fifth of the epochs.
    """

    name = "nnaqc"

    def __init__(
        self,
        setting: Setting,
        *,
        alpha: float,
        beta: float,
        beta_ramp: float,
        detach_target: bool,
        pull: float,
        **options: Any,
    ) -> None:
        super().__init__(setting, alpha=alpha, beta=beta, pull=pull, **options)
        self.alpha, self.target_beta, self.beta = alpha, beta, beta
        self.ramp_epochs = beta_ramp * setting.epochs
        self.detach_target, self.pull = detach_target, pull

    def start_epoch(self, epoch: int) -> None:
        super().start_epoch(epoch)
        reached = epoch / self.ramp_epochs if self.ramp_epochs else 1.0
        self.beta = self.target_beta * min(1.0, reached)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        log_probs = logits.log_softmax(2)
        probs = log_probs.exp()
        noise = -of_given(self.through(probs, self.weight).log_softmax(2), targets)
        target = probs.detach() if self.detach_target else probs
        own = -(target * log_probs).sum(2)
        cluster = self.beta * own - (1.0 - self.beta) * of_given(log_probs, targets)
        distance = (self.weight - self.start).square().sum((1, 2))  # (K,)
        return self.alpha * noise + (1.0 - self.alpha) * cluster + self.pull * distance
