"""Networks whose K replicas are trained as one wide network.

Every network maps a batch to logits of shape (B, K, C): replica k sees the same batch as the others
but owns its own slice of every parameter, so one step of an elementwise optimiser (SGD, AdamW) on
the summed losses is exactly one step of each replica by itself. It has two
parts: `features` gives (B, K, F), and `head`, the last layer, reads them.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from worker.encoders.precision import compute_dtype

BATCH_NORM_EPS = 1e-5
# Training takes products of at least so many samples and features in bfloat16 where that is native:
# half the time. Smaller ones cost as much to round as that saves.
MIN_BFLOAT16_SAMPLES, MIN_BFLOAT16_FEATURES = 500, 128


def uniform(shape: tuple[int, ...], fan_in: int, generator: torch.Generator) -> nn.Parameter:
    """He's uniform initialisation, from the given generator alone."""
    bound = math.sqrt(3.0 / fan_in)
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound, generator=generator))


def _is_large(inputs: Tensor) -> bool:
    samples, features = inputs.shape
    return samples >= MIN_BFLOAT16_SAMPLES and features >= MIN_BFLOAT16_FEATURES


class _LinearHead(torch.autograd.Function):
    """A linear layer of each replica's own, (B, K, F) x (K, F, C) -> (B, K, C) contiguous.

    The same as a batched product and its derivatives, but with few classes a product whose result
    has C columns takes four to ten times as long as its transpose, so C stays in the rows.
    """

    @staticmethod
    def forward(context: Any, features: Tensor, weight: Tensor) -> Tensor:
        context.save_for_backward(features, weight)
        by_class = torch.bmm(weight.transpose(1, 2), features.permute(1, 2, 0))  # (K, C, B)
        return by_class.permute(2, 0, 1).contiguous()

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        features, weight = context.saved_tensors
        of_logits = gradients[0].transpose(0, 1).contiguous()  # (K, B, C)
        of_features = torch.bmm(of_logits, weight.transpose(1, 2))  # (K, B, F)
        of_weight = torch.bmm(of_logits.transpose(1, 2), features.transpose(0, 1))
        return of_features.transpose(0, 1), of_weight.transpose(1, 2)


def linear_head(features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Logits (B, K, C) of each replica's last layer: (B, K, F), (K, F, C), (K, 1, C)."""
    logits: Tensor = _LinearHead.apply(features, weight)  # type: ignore[no-untyped-call]
    return logits + bias.transpose(0, 1)


class Network(nn.Module):
    """What the training loop needs of a network."""

    n_features: int  # F, what the head reads of each replica
    streams: bool = False  # whether inputs stay on disk and are read batch by batch

    def param_groups(self) -> Iterator[tuple[list[nn.Parameter], float]]:
        """Parameters, and their learning rate as a multiple of the run's."""
        yield list(self.parameters()), 1.0

    def features(self, inputs: Tensor) -> Tensor:
        """(B, ...) -> (B, K, F)."""
        raise NotImplementedError

    def head(self, features: Tensor) -> Tensor:
        """(B, K, F) -> logits (B, K, C)."""
        raise NotImplementedError

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.features(inputs))


class LinearHeadNetwork(Network):
    """A network whose head is one linear layer a replica."""

    replicas: int

    def _add_head(self, n_classes: int, generator: torch.Generator) -> None:
        shape = (self.replicas, self.n_features, n_classes)
        self.weight_out = uniform(shape, self.n_features, generator)
        self.bias_out = nn.Parameter(torch.zeros(self.replicas, 1, n_classes))

    def head(self, features: Tensor) -> Tensor:
        return linear_head(features, self.weight_out, self.bias_out)


class WideLinear(Network):
    """K softmax regressions on vectors: (B, D) -> (B, K, C) by one matrix product."""

    def __init__(
        self, shape: tuple[int, ...], n_classes: int, replicas: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        (width,) = shape
        self.n_features, self.replicas, self.n_classes = width, replicas, n_classes
        self.weight = uniform((width, replicas * n_classes), width, generator)
        self.bias = nn.Parameter(torch.zeros(replicas * n_classes))

    def features(self, inputs: Tensor) -> Tensor:
        return inputs.unsqueeze(1).expand(-1, self.replicas, -1)  # the same for every replica

    def head(self, features: Tensor) -> Tensor:
        logits = torch.addmm(self.bias, features[:, 0], self.weight)
        return logits.view(-1, self.replicas, self.n_classes)  # (B, K*C) -> (B, K, C)


class WideMlp(LinearHeadNetwork):
    """K perceptrons with one hidden layer: (B, D) x (D, K*H), ReLU, then a batched (K, H, C).

    Weights are float32 always; a large first product is rounded in training, never in evaluation.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        n_classes: int,
        replicas: int,
        generator: torch.Generator,
        *,
        hidden: int = 128,
    ) -> None:
        super().__init__()
        (width,) = shape
        self.n_features, self.replicas = hidden, replicas
        self.weight_in = uniform((width, replicas * hidden), width, generator)
        self.bias_in = nn.Parameter(torch.zeros(replicas * hidden))
        self._add_head(n_classes, generator)

    def features(self, inputs: Tensor) -> Tensor:
        rounded = self.training and _is_large(inputs)
        dtype = compute_dtype(inputs.device) if rounded else torch.float32
        bias, inputs, weight = (x.to(dtype) for x in (self.bias_in, inputs, self.weight_in))
        hidden = F.relu(torch.addmm(bias, inputs, weight)).float()
        return hidden.view(-1, self.replicas, self.n_features)  # (B, K*H) -> (B, K, H)


class WideCnn(LinearHeadNetwork):
    """K small convolutional networks on uint8 images (B, channels, height, width).

    The first convolution is shared work (all replicas read the same image), the later ones are
    grouped by replica. Batch normalisation uses the batch alone until `update_bn` has fixed its
    means and variances: an audit records the training pass, only the classifier predicts later.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        n_classes: int,
        replicas: int,
        generator: torch.Generator,
        *,
        width: int = 16,
    ) -> None:
        super().__init__()
        channels, _, _ = shape
        self.replicas, self.n_features = replicas, 4 * width
        sizes = [(channels, width, 1), (width, 2 * width, replicas)]
        sizes += [(2 * width, 4 * width, replicas)]
        self.groups = [groups for _, _, groups in sizes]
        self.kernels = nn.ParameterList(
            uniform((replicas * c_out, c_in, 3, 3), 9 * c_in, generator) for c_in, c_out, _ in sizes
        )
        self.scales = nn.ParameterList(
            nn.Parameter(torch.ones(replicas * c_out)) for _, c_out, _ in sizes
        )
        self.shifts = nn.ParameterList(
            nn.Parameter(torch.zeros(replicas * c_out)) for _, c_out, _ in sizes
        )
        self._add_head(n_classes, generator)
        self.bn_statistics: list[tuple[Tensor, Tensor]] | None = None  # mean and variance by layer

    def features(self, inputs: Tensor) -> Tensor:
        return self._features(inputs, self.bn_statistics, training=self.bn_statistics is None)

    def update_bn(self, batches: Iterable[Tensor]) -> None:
        """Fix the means and variances of batch normalisation at their averages over `batches`."""
        found = [(torch.zeros_like(s), torch.ones_like(s)) for s in self.scales]
        for number, batch in enumerate(batches, start=1):
            self._features(batch, found, training=True, momentum=1.0 / number)
        self.bn_statistics = found

    def folded(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Each convolution's kernel and bias with the fixed normalisation folded in."""
        assert self.bn_statistics is not None
        for kernel, scale, shift, (mean, variance) in zip(
            self.kernels, self.scales, self.shifts, self.bn_statistics, strict=True
        ):
            factor = scale / torch.sqrt(variance + BATCH_NORM_EPS)
            yield kernel * factor.view(-1, 1, 1, 1), shift - mean * factor

    def _features(
        self,
        inputs: Tensor,
        running: list[tuple[Tensor, Tensor]] | None,
        *,
        training: bool,
        momentum: float = 0.0,
    ) -> Tensor:
        maps = inputs.float().div_(127.5).sub_(1.0) if inputs.dtype == torch.uint8 else inputs
        if maps.device.type == "cpu":  # where pooling and normalising cost as much as convolving
            maps = maps.contiguous(memory_format=torch.channels_last)
        averages: Sequence[tuple[Tensor | None, Tensor | None]]
        averages = running or [(None, None)] * len(self.kernels)
        layers = zip(self.kernels, self.scales, self.shifts, self.groups, averages, strict=True)
        for kernel, scale, shift, groups, (mean, variance) in layers:
            maps = F.conv2d(maps, kernel, padding=1, groups=groups)
            maps = F.batch_norm(
                maps, mean, variance, scale, shift, training, momentum, BATCH_NORM_EPS
            )
            maps = F.relu(maps)
            maps = F.max_pool2d(maps, 2)
        return maps.mean(dim=(2, 3)).view(-1, self.replicas, self.n_features)  # (B, K, F)


NETWORKS: dict[str, Callable[..., Network]] = {
    "linear": WideLinear,
    "mlp": WideMlp,
    "cnn": WideCnn,
}
