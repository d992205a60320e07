"""Reads uploaded images, and re-encodes them so that they are safe to serve.

Uploads are never served unchanged: an image may contain a script after its last pixel.
"""

import io
import os
import zlib
from contextlib import suppress
from pathlib import Path

from PIL import Image, ImageOps

from service.core.errors import BadDataset, BadInput
from service.pictures import memory, scaling
from service.pictures.pixels import Dicom, is_dicom, read_heif

MAX_PIXELS = 50_000_000
MAX_FRAMES = 100
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000")
BOXED_FORMATS = ("AVIF", "HEIF")
STORED, DEFLATED = 0, 8

# Full resolution is decoded by few threads of a process at once, however many it has.
DECODING = memory.Gate(2**30)
SHARP, QUICK = 2.0, 1.0  # how much larger than wanted a picture still is when it is resampled

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
    """The picture, its header read and its size within bounds, nothing decoded yet (but DICOM).

    Raises BadImage if it is no picture, BadDataset (`image-too-many-pixels`,
    `image-too-many-frames`) if it would cost too much to decode.
    """
    try:
        if is_dicom(data):
            return _open_dicom(data)
        boxed = data[4:8] == b"ftyp"
        if boxed:
            read_heif()
        image = Image.open(io.BytesIO(data), formats=BOXED_FORMATS if boxed else FORMATS)
        _check_pixels(*image.size)
        # The pages of a TIFF cost nothing until they are asked for.
        frames = 1 if image.format == "TIFF" else getattr(image, "n_frames", 1)
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


def _open_dicom(data: bytes) -> Image.Image:
    dicom = Dicom(data)
    _check_pixels(*dicom.size)
    return dicom.decode()


def _check_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise BadDataset(
            f"An image has {width} x {height} pixels; the limit is {MAX_PIXELS // 10**6} "
            "megapixels. Scale it down.",
            type="image-too-many-pixels",
        )


def verify_image(data: bytes) -> tuple[int, int]:
    """Width and height of a picture that decodes to its last byte; raises as `open_image` does."""
    image = open_image(data)
    size = image.size
    # A JPEG decoded at an eighth of its scale still reads every byte, for a fraction of the work.
    image.draft("RGB", (1, 1))
    with DECODING.hold(memory.decoding_bytes(image, size)):
        _load(image)
    return size


def verify_reduced(data: bytes, *, size: int) -> tuple[Image.Image, tuple[int, int]]:
    """As `verify_image`, with what it decodes: RGB with no edge longer than `size`, not turned; and
    the picture's own width and height."""
    image = open_image(data)
    original = image.size
    image.draft("RGB", (size, size))
    needed = memory.decoding_bytes(image, original)
    with DECODING.hold(needed + memory.scaling_bytes(image, size=size, gap=QUICK)):
        _load(image)
        return scaling.to_rgb(image, size=size, gap=QUICK), original


def verifying_bytes(data: bytes) -> int:
    """What `verify_image` will need; raises as `open_image` does."""
    image = open_image(data)
    size = image.size
    image.draft("RGB", (1, 1))
    return memory.decoding_bytes(image, size)


def decode_image(data: bytes, *, size: int | None = None, gap: float = SHARP) -> Image.Image:
    """The first frame as RGB, turned upright, transparency on white, no edge longer than `size`.

    16-bit and float pictures are stretched (`pixels.extremes`).
    Waits while others of this process decode as much as `DECODING` allows.
    """
    image, needed = _prepare(data, size, gap)
    with DECODING.hold(needed):
        _load(image)
        _turn_upright(image)
        return scaling.to_rgb(image, size=size, gap=gap)


def thumbnail(data: bytes, *, size: int = 512) -> bytes:
    """A re-encoded PNG with no edge longer than `size`: no losses that could pass for content.

    Raises BadImage or BadDataset as `open_image` does.
    """
    target = io.BytesIO()
    decode_image(data, size=size, gap=QUICK).save(target, "PNG")
    return target.getvalue()


def thumbnail_bytes(data: bytes, *, size: int) -> int:
    """What `thumbnail` will need, told by the header; raises as `open_image` does."""
    return _prepare(data, size, QUICK)[1]


def _prepare(data: bytes, size: int | None, gap: float) -> tuple[Image.Image, int]:
    """The picture before its pixels are decoded, and the memory that they will need."""
    image = open_image(data)
    original = image.size
    if size is not None:
        image.draft("RGB", (size, size))
    needed = memory.decoding_bytes(image, original)
    return image, needed + memory.scaling_bytes(image, size=size, gap=gap)


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:
        raise BadImage(str(error) or type(error).__name__) from error


def _turn_upright(image: Image.Image) -> None:
    # damaged EXIF is no reason to refuse sound pixels
    with suppress(Exception):
        ImageOps.exif_transpose(image, in_place=True)
