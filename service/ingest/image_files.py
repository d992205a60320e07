"""Reads uploaded images, and re-encodes them so that they are safe to serve.

Uploads are never served unchanged: an image may contain a script after its last pixel.
"""

import io
import os
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from service.core.errors import BadDataset, BadInput

MAX_PIXELS = 50_000_000
MAX_FRAMES = 100
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
STORED, DEFLATED = 0, 8

# Pillow's own limit warns first and refuses at twice its value; ours is checked in `open_image`,
# from the header, before a pixel is decoded.
Image.MAX_IMAGE_PIXELS = None


class BadImage(BadInput):
    """The bytes are not an image that can be decoded."""

    title, default_type = "The image cannot be decoded", "image-undecodable"


def read_media(upload: Path, offset: int, compressed: int, size: int, method: int) -> bytes:
    """The bytes of one archive member, inflated to exactly `size`.

    Raises BadDataset (`archive-corrupt`) if the member is not what the archive's directory said; at
    most `size + 1` bytes are ever inflated.
    """
    with upload.open("rb") as file:
        data = os.pread(file.fileno(), compressed, offset)
    if len(data) == compressed:
        content = data if method == STORED else _inflate(data, size)
        if content is not None and len(content) == size:
            return content
    raise BadDataset(
        "A member of the archive is damaged or larger than its header says. Create the zip again.",
        type="archive-corrupt",
    )


def _inflate(data: bytes, size: int) -> bytes | None:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = stream.decompress(data, size + 1)
    except zlib.error:
        return None
    return content if stream.eof or len(content) > size else content + stream.flush()


def open_image(data: bytes) -> Image.Image:
    """The picture, its header read and its size within bounds, nothing decoded yet.

    Raises BadImage if it is no picture, BadDataset (`image-too-many-pixels`,
    `image-too-many-frames`) if it would cost too much to decode.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise BadDataset(
                f"An image has {width} x {height} pixels; the limit is {MAX_PIXELS // 10**6} "
                "megapixels. Scale it down.",
                type="image-too-many-pixels",
            )
        frames = getattr(image, "n_frames", 1)
    except BadDataset:
        raise
    except Exception as error:  # codecs raise nearly anything on damaged input
        raise BadImage(str(error) or type(error).__name__) from error
    if frames > MAX_FRAMES:
        raise BadDataset(
            f"An image has {frames} frames; the limit is {MAX_FRAMES}. Save one frame per file.",
            type="image-too-many-frames",
        )
    return image


def verify_image(data: bytes) -> tuple[int, int]:
    """Width and height of a picture that decodes to its last byte; raises as `open_image` does."""
    image = open_image(data)
    size = image.size
    # A JPEG decoded at an eighth of its scale still reads every byte, for a fraction of the work.
    image.draft("RGB", (1, 1))
    _load(image)
    return size


def decode_image(data: bytes, *, size: int | None = None) -> Image.Image:
    """The first frame as RGB, turned upright, transparency on white, no edge longer than `size`.

    16-bit and float pictures are stretched from their own darkest to their own brightest value.
    """
    image = open_image(data)
    if size is not None:
        image.draft("RGB", (size, size))
    _load(image)
    try:
        upright = ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF is no reason to refuse sound pixels
        upright = image
    flat = _to_rgb(upright)
    if size is not None:
        flat.thumbnail((size, size))
    return flat


def thumbnail(data: bytes, *, size: int = 512) -> bytes:
    """A re-encoded PNG with no edge longer than `size`: no losses that could pass for content.

    Raises BadImage or BadDataset as `open_image` does.
    """
    target = io.BytesIO()
    decode_image(data, size=size).save(target, "PNG")
    return target.getvalue()


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except Exception as error:
        raise BadImage(str(error) or type(error).__name__) from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return _stretch(image).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _stretch(image: Image.Image) -> Image.Image:
    values = image.convert("F")
    pixels = np.nan_to_num(np.asarray(values, np.float32))  # (height, width)
    low, high = float(pixels.min()), float(pixels.max())
    scaled = (pixels - low) * (255.0 / ((high - low) or 1.0))
    return Image.fromarray(np.rint(scaled).astype(np.uint8))
