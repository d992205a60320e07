"""Images of a dataset, decoded ahead of the network in threads."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image, Resampling

from service.core.errors import BadDataset
from service.pictures.image_files import (
    BadImage,
    decode_image,
    open_image,
    read_media,
)
from worker.encoders.samples import Positions, Rows, Samples

COLUMNS = ("sample_id", "file", "media_offset", "media_compressed", "media_size", "media_method")
LOOKED_AT = 256
BATCHES_AHEAD = 3

Pixels = NDArray[np.uint8]
Decoded = TypeVar("Decoded")


@dataclass(frozen=True)
class Picture:
    """Where one image lies in the upload."""

    position: int
    sample_id: str
    file: str
    offset: int
    compressed: int
    size: int
    method: int

    def decode(self, upload: Path, decode: Callable[[bytes], Decoded]) -> Decoded:
        """What `decode` makes of the image's bytes; BadDataset names the sample if not."""
        try:
            data = read_media(upload, self.offset, self.compressed, self.size, self.method)
            return decode(data)
        except (BadImage, BadDataset) as error:
            raise BadDataset(
                f"The image of sample {self.sample_id!r} ({self.file}) cannot be read: {error}",
                errors=[{"row": self.position + 1, "file": self.file, "detail": str(error)}],
            ) from error


@dataclass(frozen=True)
class Look:
    """What a few hundred images, evenly spaced, are like: what sizes and channels are chosen by."""

    short_edge: int
    long_edge: int
    grey: bool


def look_at(samples: Samples) -> Look:
    """Median edges in pixels, and whether all images looked at have only shades of grey."""
    few = samples.spread(LOOKED_AT)
    sizes = []
    grey = True
    for rows in few.read(COLUMNS):
        for picture in pictures(rows):
            sizes.append(sorted(picture.decode(few.upload, lambda data: open_image(data).size)))
            grey = grey and picture.decode(few.upload, _is_grey)
    short, long = np.median(sizes, axis=0)
    return Look(int(short), int(long), grey)


def _is_grey(data: bytes) -> bool:
    # A thumbnail is enough: colour that no pixel of it shows is not what tells classes apart.
    small = np.asarray(decode_image(data, size=64), dtype=np.int16)
    # JPEG's colour conversion may move a grey pixel's channels apart by a step or two.
    return bool((np.ptp(small, axis=-1) <= 4).all())


def pictures(rows: Rows) -> list[Picture]:
    columns = [rows.table.column(name).to_pylist() for name in COLUMNS]
    return [
        Picture(position, *values)
        for position, values in zip(
            rows.positions.tolist(), zip(*columns, strict=True), strict=True
        )
    ]


def squeezed(size: int) -> Callable[[bytes], Pixels]:
    """Decode to (size, size, 3), the whole picture, its aspect not kept."""

    def decode(data: bytes) -> Pixels:
        # Twice the edge leaves enough pixels on the short side of pictures up to 2 : 1, and lets
        # the JPEG decoder skip most of the work on photographs.
        image = decode_image(data, size=2 * size)
        return np.asarray(image.resize((size, size), Resampling.BICUBIC))

    return decode


def fitted(size: int, *, grey: bool) -> Callable[[bytes], Pixels]:
    """Decode to (size, size, 1 or 3), aspect kept, centred on black."""

    def decode(data: bytes) -> Pixels:
        image = decode_image(data, size=size)
        scale = size / max(image.size)
        if scale > 1:
            edges = tuple(max(1, round(edge * scale)) for edge in image.size)
            image = image.resize((edges[0], edges[1]), Resampling.BICUBIC)
        return _centred(image.convert("L") if grey else image, size)

    return decode


def _centred(image: Image, size: int) -> Pixels:
    pixels = np.asarray(image).reshape(image.height, image.width, -1)
    canvas = np.zeros((size, size, pixels.shape[2]), np.uint8)
    top, left = (size - image.height) // 2, (size - image.width) // 2
    canvas[top : top + image.height, left : left + image.width] = pixels
    return canvas


def decoded(
    samples: Samples, decode: Callable[[bytes], Pixels], *, batch_size: int
) -> Iterator[tuple[Positions, Pixels]]:
    """(rows, (B, H, W, C) uint8) in file order; decoding runs a few batches ahead, no further."""
    threads = max(1, (os.cpu_count() or 1) // 2)
    waiting: deque[tuple[Positions, Future[Pixels]]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    try:
        for rows, batch in _batches(samples, batch_size):
            waiting.append((rows, pool.submit(_decode_batch, batch, samples.upload, decode)))
            if len(waiting) > BATCHES_AHEAD + threads:
                first, pixels = waiting.popleft()
                yield first, pixels.result()
        while waiting:
            first, pixels = waiting.popleft()
            yield first, pixels.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _batches(samples: Samples, batch_size: int) -> Iterator[tuple[Positions, list[Picture]]]:
    for rows in samples.read(COLUMNS):
        found = pictures(rows)
        for start in range(0, len(found), batch_size):
            yield rows.rows[start : start + batch_size], found[start : start + batch_size]


def _decode_batch(
    batch: list[Picture], upload: Path, decode: Callable[[bytes], Pixels]
) -> NDArray[Any]:
    return np.stack([picture.decode(upload, decode) for picture in batch])
