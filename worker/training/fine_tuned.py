"""Fine-tuning: replicas of a whole encoder, each with a linear layer on top."""

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from worker.encoders.fine_tuned import FineTunedBackbone
from worker.encoders.precision import compute_dtype
from worker.training.networks import LinearHeadNetwork

BACKBONE_RATE = 0.1  # of the top layer's learning rate: what is trained already moves little
CPU_BUDGET = 2 * 2**30
CUDA_SHARE = 0.5  # of the memory that is free


class FineTunedNetwork(LinearHeadNetwork):
    """K copies of one backbone under K linear layers, on inputs that stay on disk.

    Where the activations of all replicas fit in memory they are kept for the backward pass; where
    not, only one replica's are at any time, and its forward pass is computed twice. What is learned
    is the same.
    """

    streams = True

    def __init__(
        self, backbone: FineTunedBackbone, n_classes: int, replicas: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.replicas, self.n_features = replicas, backbone.features
        shared = {id(parameter): parameter for parameter in backbone.frozen()}
        copies = [copy.deepcopy(backbone, dict(shared)) for _ in range(replicas)]
        self.backbones = nn.ModuleList(copies)
        self._add_head(n_classes, generator)
        self._largest, self._saved = (
            0,
            0,
        )  # values of the largest batch so far, and bytes a replica keeps of it

    def train(self, mode: bool = True) -> "FineTunedNetwork":
        super().train(mode)
        self.backbones.eval()
        return self

    def param_groups(self) -> Iterator[tuple[list[nn.Parameter], float]]:
        yield [self.weight_out, self.bias_out], 1.0
        yield [p for p in self.backbones.parameters() if p.requires_grad], BACKBONE_RATE

    def features(self, inputs: Tensor) -> Tensor:
        backbones = [module for module in self.backbones if isinstance(module, FineTunedBackbone)]
        inputs = backbones[0].prepare(inputs)
        device = inputs.device
        with torch.autocast(device.type, compute_dtype(device), enabled=device.type == "cuda"):
            if torch.is_grad_enabled() and not self._fits(backbones[0], inputs):
                parts = [
                    checkpoint(backbone, inputs, use_reentrant=False) for backbone in backbones
                ]
            else:
                parts = [backbone(inputs) for backbone in backbones]
        # Encoders differ in scale, from unit length to six: the top layer sees one.
        return F.layer_norm(torch.stack(parts, 1).float(), (self.n_features,))

    def _fits(self, backbone: FineTunedBackbone, inputs: Tensor) -> bool:
        """Whether all replicas' activations may be kept; measured again for each larger batch."""
        if inputs.numel() > self._largest:
            self._largest, self._saved = inputs.numel(), saved_bytes(backbone, inputs)
            self._budget = budget(inputs.device)
        return self.replicas * self._saved <= self._budget


def budget(device: torch.device) -> float:
    """Bytes that activations may take."""
    if device.type == "cuda":
        return CUDA_SHARE * torch.cuda.mem_get_info(device)[0]
    return CPU_BUDGET


def saved_bytes(backbone: FineTunedBackbone, inputs: Tensor) -> int:
    """What a backward pass would keep of one forward pass."""
    total = 0

    def count(kept: Tensor) -> Tensor:
        nonlocal total
        total += kept.numel() * kept.element_size()
        return kept

    with torch.autograd.graph.saved_tensors_hooks(count, lambda kept: kept):
        backbone(inputs)
    return total
