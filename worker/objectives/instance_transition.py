"""A noise matrix that depends on the sample."""

import torch
from torch import Tensor, nn

from service.core.errors import BadInput
from worker.objectives.base import Setting
from worker.objectives.matrix_loss import Matrix, MatrixLoss, log_mixture

MAX_CLASSES = 100  # a matrix for every sample of a batch is held at once
_TINY = 1e-6


class InstanceTransition(MatrixLoss):
    """A noise matrix that depends on the sample, after Xia et al., NeurIPS 2020,
    https://arxiv.org/abs/2006.07836 (their part-dependent idea, not their anchors).

    `-log sum_k s_k T(x)[k, y]` with `T(x) = softmax_rows(V0 + sum_r a_r(h) V_r)`, where
    V0 = log T is the given or estimated matrix (see `MatrixLoss`), h the network's representation,
    a a linear function of it that sends no gradient back into the network, and the V_r, 0 at the
    start, are learned once T is settled (with a given T, after `warm_up` of the epochs).
    `lambda_mixture` |a|^2 and `mu_distance` |T(x) - T|_F^2 keep T(x) near T: the data alone cannot
    tell a T(x) from a prediction that explains the same labels. With V_r = 0 this is forward
    correction.
    """

    name = "instance_transition"
    base: Tensor  # (C, C) log T
    seen: Tensor  # (C, C) sum of T(x) over the epoch

    def __init__(
        self,
        setting: Setting,
        *,
        parts: int,
        lambda_mixture: float,
        mu_distance: float,
        rate: float,
        warm_up: float,
        **options: object,
    ) -> None:
        n_classes, replicas = setting.n_classes, setting.replicas
        if n_classes > MAX_CLASSES:
            raise BadInput(
                f"{self.name} holds a matrix for each sample and reads at most {MAX_CLASSES} "
                f"classes, not {n_classes}; use the objective forward."
            )
        super().__init__(setting, warm_up=warm_up, parts=parts, **options)  # type: ignore[arg-type]
        self.unlock_epoch = max(round(warm_up * setting.epochs), *self.estimates, 0)
        self.lambda_mixture, self.mu_distance, self.rate = lambda_mixture, mu_distance, rate
        bound = max(1, setting.features) ** -0.5
        mixture = torch.empty((replicas, setting.features, parts))
        mixture.uniform_(-bound, bound, generator=setting.generator)
        self.mixture = nn.Parameter(mixture, requires_grad=False)
        self.mixture_bias = nn.Parameter(torch.zeros((replicas, 1, parts)), requires_grad=False)
        directions = torch.zeros((replicas, parts, n_classes * n_classes))
        self.directions = nn.Parameter(directions, requires_grad=False)
        self.register_buffer("seen", torch.zeros((n_classes, n_classes)))
        self.representation: Tensor | None = None

    def prepare(self, matrix: Matrix) -> None:
        smooth = (matrix + _TINY) / (matrix + _TINY).sum(1, keepdims=True)
        self.register_buffer("base", torch.from_numpy(smooth).to(self.matrix).log())

    def start_epoch(self, epoch: int) -> None:
        super().start_epoch(epoch)
        self.requires_grad_(epoch >= self.unlock_epoch)
        self.seen.zero_()

    def observe(self, representation: Tensor) -> None:
        if self.setting.features:
            self.representation = representation.detach()

    def loss(self, logits: Tensor, targets: Tensor, indices: Tensor) -> Tensor:  # noqa: ARG002
        log_probs = logits.log_softmax(2)
        if self.representation is None:
            return -log_mixture(log_probs, self.base.T[targets].unsqueeze(1))
        mixture = self.mixtures(self.representation)  # (B, K, R)
        log_matrices = self.log_matrices(mixture)  # (B, K, C, C)
        index = targets.view(-1, 1, 1, 1).expand(-1, *log_matrices.shape[1:3], 1)
        log_columns = log_matrices.gather(3, index).squeeze(3)  # (B, K, C)
        matrices = log_matrices.exp()
        self.seen += matrices.detach().mean(1).sum(0)
        distance = (matrices - self.base.exp()).square().sum((2, 3))
        charge = self.lambda_mixture * mixture.square().sum(2) + self.mu_distance * distance
        return charge - log_mixture(log_probs, log_columns)

    def mixtures(self, representation: Tensor) -> Tensor:
        """a(h): (B, K, F) -> (B, K, R)."""
        by_replica = representation.transpose(0, 1)  # (K, B, F)
        return torch.baddbmm(self.mixture_bias, by_replica, self.mixture).transpose(0, 1)

    def log_matrices(self, mixture: Tensor) -> Tensor:
        """log T(x): (B, K, R) -> (B, K, C, C), rows = true class."""
        change = torch.bmm(mixture.transpose(0, 1), self.directions).transpose(0, 1)
        return (self.base + change.reshape(*change.shape[:2], *self.base.shape)).log_softmax(3)

    def noise_matrix(self) -> Tensor | None:
        """(C, C) mean T(x) over the samples and replicas of the last epoch."""
        if bool(self.seen.any()):
            return self.seen / self.seen.sum(1, keepdim=True)
        return super().noise_matrix()
