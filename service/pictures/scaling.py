"""Turns a loaded picture of any mode into a small RGB one, without a second one of full size.

Rows are converted and reduced strip by strip. The pixels are exactly those that converting the
whole picture and then calling Pillow's `thumbnail` with the same gap gives.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from PIL import Image

from service.pictures.memory import SAMPLED, STRIP_PIXELS, fitting, is_deep, reduction
from service.pictures.pixels import extremes, window

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def to_rgb(image: Image.Image, *, size: int | None, gap: float) -> Image.Image:
    """RGB, transparency on white, no edge longer than `size`; deep values are stretched.

    It is reduced by whole factors to `gap` times the wanted edges, and resampled from there.
    """
    across, down = reduction(image.size, size, gap)
    reduced = Image.new("RGB", (-(-image.width // across), -(-image.height // down)))
    extremes = _extremes(image) if is_deep(image) else None
    for top, strip in _strips(image, down):
        flat = _flat(strip) if extremes is None else _stretched(strip, *extremes)
        part = flat.reduce((across, down)) if (across, down) != (1, 1) else flat
        reduced.paste(part, (0, top // down))
    if size is None or max(image.size) <= size:
        return reduced
    box = (0, 0, image.width / across, image.height / down)
    return reduced.resize(fitting(image.size, size), Image.Resampling.BICUBIC, box)


def _strips(image: Image.Image, factor: int) -> Iterator[tuple[int, Image.Image]]:
    """Each strip with its first row; all but the last have a multiple of `factor` rows."""
    rows = max(1, STRIP_PIXELS // (image.width * factor)) * factor
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _flat(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _extremes(image: Image.Image) -> tuple[float, float]:
    """What is shown as black and as white, by at most about SAMPLED values evenly spaced."""
    import numpy as np  # few pictures need it, and a process that decodes many others does not

    step = -(-image.width * image.height // SAMPLED)
    smallest, largest, sample = np.inf, -np.inf, []
    for _, strip in _strips(image, 1):
        values = _values(strip).ravel()
        finite = values[np.isfinite(values)]
        if finite.size:
            smallest = min(smallest, float(finite.min()))
            largest = max(largest, float(finite.max()))
        sample.append(values[::step].copy())
    return extremes(np.concatenate(sample), smallest, largest)


def _values(image: Image.Image) -> "NDArray[np.float32]":
    """(height, width) float32."""
    import numpy as np

    return np.asarray(image.convert("F"), np.float32)


def _stretched(image: Image.Image, low: float, high: float) -> Image.Image:
    return window(_values(image), low, high).convert("RGB")
