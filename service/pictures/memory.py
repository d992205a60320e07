"""How much memory decoding a picture takes, told by its header, and a gate for threads that decode.

The figures are those of Pillow and its codecs; a test holds them against what a process needs.
"""

import math
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from PIL import Image

# Pillow stores a pixel of any other mode in four bytes.
PIXEL_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
# Codecs that write each row where it stays; the others hold a strip, or the picture, once more.
IN_PLACE = {"raw", "zip", "jpeg", "gif", "packbits"}
WEBP_COPIES = 4  # two canvases of the codec, the bytes that it hands over, and the picture
COEFFICIENT_BYTES = 2
STRIP_PIXELS = 2**18
STRIP_BYTES = 32 * STRIP_PIXELS  # one strip in every form it takes on the way to RGB
SAMPLED = 2**20  # values of a deep picture that its darkest and brightest are told by
SAMPLED_BYTES = 28 * SAMPLED  # the sample in every form it takes on the way to its percentiles
ORIENTATION = 0x0112


class Gate:
    """Lets threads hold at most so many bytes together; what is larger passes alone.

    Threads pass in the order in which they came, so a large picture is not passed by small ones
    for ever.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._held = 0
        self._next_in_line = threading.Lock()
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, size: int) -> Generator[None]:
        size = min(size, self.total)
        with self._next_in_line, self._changed:
            self._changed.wait_for(lambda: self._held + size <= self.total)
            self._held += size
        try:
            yield
        finally:
            with self._changed:
                self._held -= size
                self._changed.notify_all()


def decoding_bytes(image: Image.Image, original: tuple[int, int]) -> int:
    """Bytes that loading takes at its peak. `original` is (width, height) before `draft`."""
    loaded = image.width * image.height * PIXEL_BYTES.get(image.mode, 4)
    if image.format == "WEBP":
        loaded *= WEBP_COPIES
    elif not {tile[0] for tile in getattr(image, "tile", ())} <= IN_PLACE:
        loaded *= 2
    if _may_be_turned(image):
        loaded *= 2
    if image.format == "JPEG" and "progressive" in image.info:
        loaded += _coefficient_bytes(image, original)
    return loaded


def scaling_bytes(image: Image.Image, *, size: int | None, gap: float) -> int:
    """Bytes that `scaling.to_rgb` takes beside the loaded picture, at its peak."""
    across, down = reduction((image.width, image.height), size, gap)
    reduced = -(-image.width // across) * -(-image.height // down)
    return STRIP_BYTES + 2 * 4 * reduced + (SAMPLED_BYTES if is_deep(image) else 0)


def is_deep(image: Image.Image) -> bool:
    """Whether its values are more than 8 bits, and are stretched to be shown."""
    return image.mode.startswith(("I", "F"))


def reduction(edges: tuple[int, int], size: int | None, gap: float) -> tuple[int, int]:
    """Whole factors by which (width, height) shrink before the rest is resampled."""
    if size is None or max(edges) <= size:
        return 1, 1
    width, height = fitting(edges, size)
    return max(1, int(edges[0] / width / gap)), max(1, int(edges[1] / height / gap))


def fitting(edges: tuple[int, int], size: int) -> tuple[int, int]:
    """(width, height) whose longer edge is `size`; the other keeps width / height as it can."""
    width, height = edges
    aspect = width / height
    if aspect > 1:
        return size, _nearest(size / aspect, lambda edge: abs(aspect - size / max(1, edge)))
    return _nearest(size * aspect, lambda edge: abs(aspect - edge / size)), size


def _nearest(exact: float, error: Callable[[int], float]) -> int:
    """The whole number of pixels beside `exact` with the smaller error, but at least 1."""
    return max(1, min(math.floor(exact), math.ceil(exact), key=error))


def _may_be_turned(image: Image.Image) -> bool:
    """Turning a picture upright takes a copy of it."""
    if image.format in ("PNG", "GIF", "BMP", "PPM") and "exif" not in image.info:
        return False  # where the EXIF follows the pixels, asking for it would decode them
    try:
        return bool(image.getexif().get(ORIENTATION, 1) != 1)
    except Exception:  # it is damaged, and the picture will stay as it is
        return False


def _coefficient_bytes(image: Any, original: tuple[int, int]) -> int:
    """A progressive JPEG is held as the coefficients of all its components, whatever its scale."""
    areas = [across * down for _, across, down, _ in image.layer]
    samples = original[0] * original[1] * sum(areas) / max(areas)
    return int(samples * COEFFICIENT_BYTES)
