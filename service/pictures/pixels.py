"""Pixel values that no screen shows as they are: deep, floating, and medical pictures.

Everything that decodes a picture (ingest, encoders, thumbnails) goes through here, so that all see
the same one.
"""

import io
from functools import cache
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Beyond these percentiles values are cut off: one hot pixel would leave all others black.
DARKEST, BRIGHTEST = 0.5, 99.5
PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\x00", b"MM\x00*")
DICOM_MAGIC = slice(128, 132)
DEFLATED_DICOM = b"1.2.840.10008.1.2.1.99"
META_BYTES = 4096  # the transfer syntax stands among these first bytes


def stretch(values: "NDArray[Any]") -> Image.Image:
    """Greys, 8 bits, of a (height, width) array of any numbers, between their `extremes`."""
    return window(values, *extremes(values, float("nan"), float("nan")))


def extremes(values: "NDArray[Any]", smallest: float, largest: float) -> tuple[float, float]:
    """What is shown as black and as white: the 0.5th and the 99.5th percentile of finite values.

    Where these are equal, as with a few bright spots on black, the smallest and the largest value:
    those given, if `values` are a sample of a picture (NaN if they are all of it).
    """
    import numpy as np  # few pictures need it, and a process that decodes many others does not

    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 0.0
    low, high = np.percentile(finite.astype(np.float64), (DARKEST, BRIGHTEST))
    if low == high:
        low = np.fmin(finite.min(), smallest)
        high = np.fmax(finite.max(), largest)
    return float(low), float(high)


def window(values: "NDArray[Any]", low: float, high: float) -> Image.Image:
    """Greys, 8 bits: `low` and below is black, `high` and above is white, NaN is black."""
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        scaled = (values.astype(np.float64) - low) * (255.0 / ((high - low) or 1.0))
    cleaned = np.nan_to_num(scaled, nan=0.0, posinf=255.0, neginf=0.0)
    return Image.fromarray(np.rint(cleaned.clip(0, 255)).astype(np.uint8))


def is_dicom(data: bytes) -> bool:
    """True for a DICOM file with its preamble."""
    return data[DICOM_MAGIC] == b"DICM"


def starts_like_picture(head: bytes) -> bool:
    """True for the first bytes of a picture."""
    return head.startswith(PICTURES) or is_dicom(head) or is_boxed_picture(head)


def is_boxed_picture(head: bytes) -> bool:
    """True for the first bytes of AVIF, HEIC, WebP and JPEG 2000."""
    boxed = head[4:12] in (b"ftypavif", b"ftypheic", b"ftypheix", b"ftypmif1", b"jP  \r\n\x87\n")
    return boxed or (head.startswith(b"RIFF") and head[8:12] == b"WEBP")


@cache
def read_heif() -> None:
    """Let Pillow open HEIC and HEIF."""
    import pi_heif

    pi_heif.register_heif_opener(thumbnails=False)


class Dicom:
    """A DICOM file whose header has been read and whose pixels have not."""

    def __init__(self, data: bytes) -> None:
        """Raises ValueError for a file without pixels, or one that is deflated as a whole (it could
        unpack to any size); pydicom raises nearly anything on damaged input."""
        import pydicom

        if DEFLATED_DICOM in data[:META_BYTES]:
            raise ValueError("a deflated DICOM file; save it uncompressed")
        self._dataset: Any = pydicom.dcmread(io.BytesIO(data))
        if "PixelData" not in self._dataset:
            raise ValueError("a DICOM file without pixels")
        self.size = (int(self._dataset.Columns), int(self._dataset.Rows))
        self.frames = int(self._dataset.get("NumberOfFrames") or 1)

    def decode(self) -> Image.Image:
        """The first frame: grey with the file's own window applied (PS3.3, C.11.2), or RGB."""
        import numpy as np
        from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
        from pydicom.pixels.utils import pixel_array

        found = self._dataset
        pixels = pixel_array(found, index=0)
        if pixels.ndim == 3:
            return Image.fromarray(pixels.astype(np.uint8)[..., :3])
        values = apply_modality_lut(pixels, found).astype(np.float64)
        if "VOILUTSequence" in found:
            shown = stretch(apply_voi_lut(values.astype(pixels.dtype), found))
        elif found.get("WindowWidth") and found.get("WindowCenter") is not None:
            center, width = _first(found.WindowCenter), max(_first(found.WindowWidth), 1.0)
            shown = window(values, center - width / 2, center + width / 2)
        else:
            shown = stretch(values)
        if found.get("PhotometricInterpretation") == "MONOCHROME1":  # small values are bright
            return Image.fromarray(255 - np.asarray(shown))
        return shown


def _first(value: Any) -> float:
    return float(value[0] if hasattr(value, "__len__") and not isinstance(value, str) else value)
