"""A noise matrix learned as a layer."""

import torch
from torch import Tensor, nn

from worker.objectives.base import (
    Objective,
    Setting,
    log_p_given,
    of_given,
)
from worker.objectives.confusion import Confusion
from worker.objectives.matrix_loss import log_mixture

_TINY = 1e-8  # keeps the gradient of log T finite where the projection has set T to 0


class NoiseLayer(Objective):
    """Sukhbaatar et al., ICLR 2015 workshop, https://arxiv.org/abs/1406.2080.

    `-log sum_k s_k T[k, y]` with a T that is trained beside the network, one for each replica, and
    is no part of what is predicted. T starts as the identity and stays it for the `frozen` share of
    the epochs (there the loss is cross entropy); how long is not in the paper. The data fix only
    the product of T and the network's own confusion, so the trace of T is charged
    (`lambda_trace` * tr T), which pulls noise out of the network into T. An over-flexible network
    that memorises the labels leaves T near the identity all the same.

    `projected` clips T at 0 and renormalises its rows after each step. `softmax` (Goldberger and
    Ben-Reuven, ICLR 2017) keeps T as a softmax of free rows, started from how the network's
    predictions stood to the given labels in the last frozen epoch, and once more at `again` of the
    epochs. `weight_decay` is a ridge on the free parameters, seen before the projection.

    `outliers` adds a class for samples of no class: an output of its own on the network's
    representation, of which `outlier_alpha` are labelled as such and the rest evenly as any class;
    T stays the identity.
    """

    name = "noise_layer"

    def __init__(
        self,
        setting: Setting,
        *,
        form: str,
        lambda_trace: float,
        weight_decay: float,
        frozen: float,
        again: float,
        rate: float,
        outliers: bool,
        outlier_alpha: float,
    ) -> None:
        super().__init__(setting, form=form, frozen=frozen, again=again)
        self.softmax, self.rate = form == "softmax", rate
        self.lambda_trace, self.ridge = lambda_trace, weight_decay
        n_classes, replicas = setting.n_classes, setting.replicas
        identity = torch.eye(n_classes).expand(replicas, -1, -1).clone()
        self.weight = nn.Parameter(identity, requires_grad=False)  # (K, C, C) row = true class
        self.confusion = Confusion(setting, frozen=frozen, again=again)
        self.outlier_alpha = outlier_alpha if outliers else None
        if outliers:
            self.outlier_weight = nn.Parameter(torch.zeros((replicas, setting.features)))
            self.outlier_bias = nn.Parameter(torch.zeros(replicas))
            self.outlier_logit: Tensor | None = None

    @property
    def unlocked(self) -> bool:
        return self.weight.requires_grad

    def start_epoch(self, epoch: int) -> None:
        if self.outlier_alpha is not None:
            return
        starts = self.confusion.starts_at(epoch)
        if starts and self.softmax:
            self.weight.data.copy_(self.confusion.take().log())
        if epoch >= self.confusion.frozen_epochs:
            self.weight.requires_grad_(True)

    def observe(self, representation: Tensor) -> None:
        if self.outlier_alpha is not None and self.setting.features:
            score = (representation * self.outlier_weight).sum(2) + self.outlier_bias
            self.outlier_logit = score.unsqueeze(2)  # (B, K, 1)

    def forward(self, logits: Tensor, targets: Tensor, indices: Tensor) -> Tensor:  # noqa: ARG002
        if self.outlier_alpha is not None:
            return self._with_outliers(logits, targets, self.outlier_alpha)
        if self.softmax:
            self.confusion.count(logits, targets)
        if not self.unlocked:
            return -log_p_given(logits, targets)
        matrix = self.matrix()
        log_columns = (matrix.index_select(2, targets) + _TINY).log().permute(2, 0, 1)  # (B, K, C)
        trace = matrix.diagonal(dim1=1, dim2=2).sum(1)
        charge = self.lambda_trace * trace + self.ridge * self.weight.square().sum((1, 2))  # (K,)
        return charge - log_mixture(logits.log_softmax(2), log_columns)

    def matrix(self) -> Tensor:
        """(K, C, C), rows = true class."""
        if not self.unlocked:
            return self.weight
        if self.softmax:
            return self.weight.softmax(2)
        # Adds 0, but takes from the gradient what only changes a row's sum: raising a whole row
        # would look like progress, and renormalising it after the step pull it to uniform.
        mean = self.weight.mean(2, keepdim=True)
        return self.weight + (mean.detach() - mean)

    @torch.no_grad()
    def after_step(self) -> None:
        if self.unlocked and not self.softmax:
            kept = self.weight.clamp_min(0.0)
            total = kept.sum(2, keepdim=True)
            uniform = torch.full_like(kept, 1.0 / kept.shape[2])
            self.weight.copy_(torch.where(total > 0, kept / total.clamp_min(_TINY), uniform))

    def noise_matrix(self) -> Tensor | None:
        return self.matrix().detach().mean(0)

    def _with_outliers(self, logits: Tensor, targets: Tensor, alpha: float) -> Tensor:
        n_classes = logits.shape[2]
        if self.outlier_logit is None:
            outlier = self.outlier_bias.view(1, -1, 1).expand(len(logits), -1, -1)
        else:
            outlier = self.outlier_logit
        log_probs = torch.cat([logits, outlier], dim=2).log_softmax(2)
        evenly = (1.0 - alpha) / n_classes
        from_outlier = log_probs[:, :, -1] + torch.tensor(evenly).log().to(logits)
        return -torch.logaddexp(of_given(log_probs[:, :, :-1], targets), from_outlier)
