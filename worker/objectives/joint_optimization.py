"""Labels optimised jointly with the network."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from service.core.errors import BadInput
from worker.objectives.base import Objective, Setting, as_array

PAPER_BEGIN, PAPER_WINDOW = 70, 10
SCALED_BEGIN, SCALED_WINDOW, LEAST_WINDOW = 0.35, 0.05, 3
UNBALANCED = 3.0  # largest class over smallest, above which a uniform prior would mislead
MAX_BYTES = 8 * 2**30


class JointOptimization(Objective):
    """Tanaka et al., CVPR 2018, https://arxiv.org/abs/1803.11364.

    First stage: `L_c + alpha L_p + beta L_e` at a constant learning rate: cross entropy with the
    current labels, `-sum_j p_j log mean(s)_j` against one class taking all (p the classes' prior
    shares, the mean over the batch), and the entropy of each prediction. From epoch `begin` on, at
    every epoch's end, each sample's label becomes the mean of its softmax outputs over the last
    `window` epochs, taken on the training pass itself, or (`hard`) the largest class of that mean.
    Second stage: a fresh network learns the final labels with L_c alone.

    The published schedule has begin 70, window 10 and 200 + 120 epochs; `scaled` keeps its
    proportions in shorter runs. alpha 1.2, beta .8 are the authors' for symmetric noise (.8, .4 for
    asymmetric). The optimiser stays the loop's AdamW, where the authors use SGD. In small batches
    mean(s) is too noisy for L_p; `mean_momentum` smooths it, with gradient through the batch alone.
    """

    name = "joint_optimization"
    constant_rate = True
    labels: Tensor  # (N, K, C)
    history: Tensor  # (window, N, K, C)
    prior: Tensor  # (C,)
    smooth_mean: Tensor  # (K, C), zero before the first batch

    def __init__(
        self,
        setting: Setting,
        *,
        labels: str,
        alpha: float,
        beta: float,
        schedule: str,
        prior: str,
        mean_momentum: float,
        second_stage: float,
    ) -> None:
        super().__init__(setting, labels=labels, schedule=schedule, prior=prior)
        self.hard, self.alpha, self.beta, self.momentum = (
            labels == "hard",
            alpha,
            beta,
            mean_momentum,
        )
        second = min(round(second_stage * setting.epochs), setting.epochs - 1)
        self.lengths = (setting.epochs - second, second) if second else (setting.epochs,)
        self.begin, self.window = label_schedule(schedule, self.lengths[0])
        shape = (setting.n_samples, setting.replicas, setting.n_classes)
        _check_memory(shape, self.window)
        one_hot = F.one_hot(setting.targets.cpu(), setting.n_classes).float()
        self.register_buffer("labels", one_hot.unsqueeze(1).repeat(1, setting.replicas, 1))
        self.register_buffer("history", torch.zeros((self.window, *shape), dtype=torch.float16))
        self.register_buffer("prior", class_prior(prior, setting.targets, setting.n_classes))
        self.register_buffer("smooth_mean", torch.zeros(shape[1:]))
        self.epoch = 0

    @property
    def stages(self) -> tuple[int, ...]:
        return self.lengths

    def start_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def forward(self, logits: Tensor, targets: Tensor, indices: Tensor) -> Tensor:  # noqa: ARG002
        log_probs = logits.log_softmax(2)
        probs = log_probs.exp()
        self.history[self.epoch % self.window, indices] = probs.detach().to(self.history)
        classification = -(self.labels[indices] * log_probs).sum(2)
        entropy = -(probs * log_probs).sum(2)
        return classification + self.alpha * self._prior_loss(log_probs) + self.beta * entropy

    def end_epoch(self, epoch: int) -> None:
        if epoch + 1 < self.begin:
            return
        filled = min(epoch + 1, self.window)
        mean = torch.zeros_like(self.labels)
        for probs in self.history[:filled]:
            mean += probs
        if self.hard:
            mean = F.one_hot(mean.argmax(2), mean.shape[2]).to(mean)
        self.labels.copy_(mean / mean.sum(2, keepdim=True))

    def next_stage(self) -> Objective | None:
        if len(self.lengths) == 1:
            return None
        labels, self.history = self.labels, self.history[:0]  # the record is no longer needed
        return SoftLabels(replace(self.setting, epochs=self.lengths[1]), labels)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """`soft_labels` (N, C): the final labels, mean over the replicas."""
        return {"soft_labels": as_array(self.labels.mean(1))}

    def _prior_loss(self, log_probs: Tensor) -> Tensor:
        """(K,): cross entropy of the mean prediction against the prior."""
        log_mean = log_probs.logsumexp(0) - torch.tensor(float(len(log_probs))).log()
        if self.momentum > 0:
            mean = log_mean.exp()
            if bool(self.smooth_mean.any()):
                mean = self.momentum * self.smooth_mean + (1.0 - self.momentum) * mean
            self.smooth_mean.copy_(mean.detach())
            log_mean = mean.clamp_min(1e-30).log()
        return -(self.prior * log_mean).sum(1)


class SoftLabels(Objective):
    """Cross entropy against a distribution for each sample and replica, `labels` (N, K, C)."""

    name = "soft_labels"
    labels: Tensor

    def __init__(self, setting: Setting, labels: Tensor) -> None:
        super().__init__(setting)
        self.register_buffer("labels", labels)

    def forward(self, logits: Tensor, targets: Tensor, indices: Tensor) -> Tensor:  # noqa: ARG002
        return -(self.labels[indices] * logits.log_softmax(2)).sum(2)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        return {"soft_labels": as_array(self.labels.mean(1))}


def label_schedule(schedule: str, epochs: int) -> tuple[int, int]:
    """First epoch (from 1) at whose end labels change, and over how many epochs they are averaged.

    Raises
    ------
    BadInput
        The paper's schedule in a first stage that ends before it begins.
    """
    if schedule == "scaled":
        begin = max(1, round(SCALED_BEGIN * epochs))
        return begin, max(LEAST_WINDOW, round(SCALED_WINDOW * epochs))
    if epochs < PAPER_BEGIN:
        raise BadInput(
            f"joint_optimization: the paper's schedule changes labels from epoch {PAPER_BEGIN} on, "
            f"but the first stage has {epochs}. Set epochs to 320, or schedule to scaled."
        )
    return PAPER_BEGIN, PAPER_WINDOW


def class_prior(prior: str, targets: Tensor, n_classes: int) -> Tensor:
    """Shares of the classes (C,): uniform, or as in the given labels (see `prior`)."""
    counts = torch.bincount(targets.cpu(), minlength=n_classes).float()
    balanced = bool(counts.max() <= UNBALANCED * counts.min())
    if prior == "uniform" or (prior == "auto" and balanced):
        return torch.full((n_classes,), 1.0 / n_classes)
    return counts / counts.sum()


def _check_memory(shape: tuple[int, int, int], window: int) -> None:
    wanted = shape[0] * shape[1] * shape[2] * (4 + 2 * window)
    if wanted > MAX_BYTES:
        raise BadInput(
            f"joint_optimization would keep {wanted / 2**30:.0f} GiB of predictions. Train fewer "
            "replicas_per_shard, or use the objective elr."
        )
