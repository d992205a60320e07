"""Images -> vectors by a network that was trained on other images."""

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worker.encoders import efficientnet
from worker.encoders.backbone import Backbone
from worker.encoders.encoding import Batch, Encoding
from worker.encoders.pictures import (
    Pixels,
    decoded,
    fitted,
    look_at,
    squeezed,
)
from worker.encoders.precision import compute_dtype
from worker.encoders.samples import Samples

# What EfficientNet-Lite0 sees: small pictures are enlarged, photographs reduced. On CIFAR images
# 128 px beats 112 by three points of nearest-neighbour accuracy; 224 adds two more at three times
# the cost.
SMALL_EDGE, SMALL_INPUT, LARGE_INPUT = 128, 128, 224
PIXELS_MIN, PIXELS_MAX, PIXELS_STEP = 28, 64, 4


def efficientnet_edge(samples: Samples) -> int:
    """The edge in pixels to which these images are brought."""
    return SMALL_INPUT if look_at(samples).short_edge <= SMALL_EDGE else LARGE_INPUT


def efficientnet_backbone(edge: int) -> Backbone:
    return Backbone(
        efficientnet.load(),
        edge,
        (efficientnet.PIXEL_MEAN,) * 3,
        (efficientnet.PIXEL_SCALE,) * 3,
        efficientnet.FEATURES,
        np.float16,
    )


def encode_efficientnet(
    samples: Samples, *, device: torch.device, batch_size: int, edge: int | None = None
) -> Encoding:
    """(N, 1280) float16, every number in [0, 6]. Images to come need the `edge` of the first."""
    backbone = efficientnet_backbone(edge or efficientnet_edge(samples))
    return _encode(samples, backbone, device=device, batch_size=batch_size)


def encode_timm(samples: Samples, *, name: str, device: torch.device, batch_size: int) -> Encoding:
    """(N, D) float32 pooled features of a timm model. Raises BadInput if it cannot be had."""
    from worker.encoders.hub import load_timm

    return _encode(samples, load_timm(name), device=device, batch_size=batch_size)


def encode_pixels(samples: Samples, *, batch_size: int) -> Encoding:
    """(N, C, S, S) uint8 for a network trained end to end: S in 28..64, C = 1 if all is grey.

    S is the median longer edge, so that most images keep the pixels they have; aspect is kept and
    the rest is black.
    """
    look = look_at(samples)
    steps = -(-look.long_edge // PIXELS_STEP)
    edge = min(max(steps * PIXELS_STEP, PIXELS_MIN), PIXELS_MAX)
    return encode_pixels_as(samples, (1 if look.grey else 3, edge), batch_size=batch_size)


def encode_pixels_as(samples: Samples, form: tuple[int, int], *, batch_size: int) -> Encoding:
    """(N, C, S, S) uint8 where `form` is C, 1 or 3, and S."""
    channels, edge = form
    batches = decoded(samples, fitted(edge, grey=channels == 1), batch_size=batch_size)
    return Encoding(
        (channels, edge, edge),
        np.uint8,
        ((rows, pixels.transpose(0, 3, 1, 2)) for rows, pixels in batches),
    )


def stored_images(
    samples: Samples, encoder: str, *, batch_size: int, edge: int | None = None
) -> Encoding:
    """(N, 3, S, S) uint8, just as the encoder is to see them, for training that changes it. Images
    to come need the `edge` of the first."""
    if edge is None and encoder == "efficientnet-lite0":
        edge = efficientnet_edge(samples)
    elif edge is None:
        from worker.encoders.hub import load_timm

        edge = load_timm(encoder.partition(":")[2]).edge
    batches = decoded(samples, squeezed(edge), batch_size=batch_size)
    return Encoding(
        (3, edge, edge),
        np.uint8,
        ((rows, pixels.transpose(0, 3, 1, 2)) for rows, pixels in batches),
    )


def _encode(
    samples: Samples, backbone: Backbone, *, device: torch.device, batch_size: int
) -> Encoding:
    return Encoding(
        (backbone.features,), backbone.dtype, _features(samples, backbone, device, batch_size)
    )


def _features(
    samples: Samples, backbone: Backbone, device: torch.device, batch_size: int
) -> Iterator[Batch]:
    dtype = compute_dtype(device)
    network = backbone.network.to(device, dtype)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    mean = torch.tensor(backbone.mean, device=device).view(1, 3, 1, 1)
    scale = torch.tensor(backbone.scale, device=device).view(1, 3, 1, 1)
    for rows, pixels in decoded(samples, squeezed(backbone.edge), batch_size=batch_size):
        with torch.inference_mode():
            inputs = (_channels_first(pixels, device).float() - mean) / scale
            features = network(inputs.to(dtype)).float().cpu().numpy()
        yield rows, cast(NDArray[Any], features)


def _channels_first(pixels: Pixels, device: torch.device) -> Tensor:
    """(B, H, W, C) -> (B, C, H, W), a view: channels_last without a copy."""
    return torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2)
