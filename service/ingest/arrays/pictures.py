"""Arrays of pixels as encoded pictures."""

import io
from typing import Any

import numpy as np
from PIL import Image

from service.pictures.pixels import stretch

CHANNELS = (1, 3, 4)
SMALLEST = 4  # pixels of an edge
FAST = 1  # zlib's level: these pictures are read once or twice


def is_pixels(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    """True for arrays that hold a picture in each row: (N, H, W), with channels first or last."""
    if dtype.kind not in "uif" or len(shape) not in (3, 4):
        return False
    if len(shape) == 3:
        return min(shape[1:]) >= SMALLEST
    last = shape[3] in CHANNELS and min(shape[1:3]) >= SMALLEST
    first = shape[1] in CHANNELS and min(shape[2:]) >= SMALLEST
    return last or first


def to_pngs(block: Any) -> list[bytes]:
    """Each row of a block of pixels as a PNG: bytes as they are, other numbers scaled.

    Numbers from 0 to 1 are multiplied by 255; numbers beyond 255 or below 0 are stretched by
    percentiles, each picture for itself.
    """
    if block.ndim == 4 and block.shape[3] not in CHANNELS:
        block = np.moveaxis(block, 1, 3)
    if block.ndim == 4 and block.shape[3] == 1:
        block = block[..., 0]
    return [_to_png(_to_bytes(pixels)) for pixels in block]


def _to_bytes(pixels: Any) -> Any:
    if pixels.dtype == np.uint8:
        return pixels
    values = pixels.astype(np.float64)
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    if pixels.dtype.kind == "f" and low >= 0 and high <= 1:
        return np.rint(np.nan_to_num(values) * 255).astype(np.uint8)
    if low >= 0 and high <= 255:
        return np.rint(np.nan_to_num(values)).astype(np.uint8)
    if values.ndim == 2:
        return np.asarray(stretch(values))
    flat = np.asarray(stretch(values.reshape(values.shape[0], -1)))
    return flat.reshape(values.shape)


def _to_png(pixels: Any) -> bytes:
    target = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(target, "PNG", compress_level=FAST)
    return target.getvalue()
