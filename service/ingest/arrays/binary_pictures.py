"""Pictures of well-known benchmarks: MNIST's IDX files and CIFAR's binary batches."""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from service.ingest.arrays.pictures import to_pngs
from service.ingest.faults import refuse
from service.ingest.source import BATCH_ROWS

IDX_BYTES = 8  # the code of unsigned bytes, the only type that these files use
CIFAR_PIXELS = 3072
CIFAR_10, CIFAR_100 = 1 + CIFAR_PIXELS, 2 + CIFAR_PIXELS  # bytes of a record


def idx_shape(head: bytes) -> tuple[int, ...] | None:
    """The shape that an IDX file of bytes declares, None for another file."""
    if len(head) < 8 or head[:3] != bytes([0, 0, IDX_BYTES]) or not 1 <= head[3] <= 4:
        return None
    if len(head) < 4 + 4 * head[3]:
        return None
    return struct.unpack_from(f">{head[3]}i", head, 4)


def is_cifar(path: Path) -> int | None:
    """Bytes of a record if the file consists of CIFAR's records: labels below 10, or 20 and 100."""
    size = path.stat().st_size
    for record, limits in ((CIFAR_10, (10,)), (CIFAR_100, (20, 100))):
        if size and size % record == 0:
            rows = np.memmap(path, np.uint8, "r", shape=(size // record, record))
            if all(int(rows[:, place].max()) < limit for place, limit in enumerate(limits)):
                return record
    return None


class BinaryPictures:
    """Rows of pixels and of labels that lie at fixed places of one file or of two."""

    columns: tuple[str, ...] = ("image", "label")
    pictures = frozenset({"image"})

    def __init__(self, format: str, pixels: Any, labels: Any, names: list[str] | None) -> None:
        if len(pixels) != len(labels):
            detail = f"There are {len(pixels)} images, but {len(labels)} labels."
            raise refuse("shape-mismatch", detail)
        self.format, self._pixels, self._labels = format, pixels, labels
        self.unsupported: dict[str, str] = {}
        self.class_names = {} if names is None else {"label": names}
        self.notes: list[str] = []
        self.progress = 0.0

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Pictures as PNG, labels as integers."""
        wanted = self.columns if columns is None else columns
        for start in range(0, len(self._labels), BATCH_ROWS):
            end = start + BATCH_ROWS
            made = {"label": pa.array(self._labels[start:end].astype(np.int64))}
            if "image" in wanted:
                made["image"] = pa.array(to_pngs(self._pixels[start:end]), pa.binary())
            self.progress = min(1.0, end / len(self._labels))
            yield pa.RecordBatch.from_pydict({name: made[name] for name in wanted})


def open_idx(images: Path, labels: Path) -> BinaryPictures:
    """A file of images, (N, H, W), and one of labels, (N,). Raises BadDataset."""
    pixels, codes = _map_idx(images), _map_idx(labels)
    if pixels.ndim not in (3, 4) or codes.ndim != 1:
        detail = f"The IDX files have the shapes {pixels.shape} and {codes.shape}."
        raise refuse("shape-mismatch", f"{detail} One must hold images, the other labels.")
    return BinaryPictures("idx", pixels, codes, None)


def _map_idx(path: Path) -> Any:
    with path.open("rb") as file:
        shape = idx_shape(file.read(20))
    header = 4 + 4 * len(shape or ())
    size = path.stat().st_size - header
    if shape is None or min(shape) < 0 or int(np.prod(shape, dtype=object)) != size or not size:
        detail = f"The IDX file declares the shape {shape}, which does not fit its size."
        raise refuse("array-header-invalid", detail)
    return np.memmap(path, np.uint8, "r", header, shape)


def open_cifar(path: Path, record: int, names: list[str] | None) -> BinaryPictures:
    """A batch of CIFAR-10, or of CIFAR-100 with its fine labels."""
    rows = np.memmap(path, np.uint8, "r", shape=(path.stat().st_size // record, record))
    pixels = rows[:, -CIFAR_PIXELS:].reshape(-1, 3, 32, 32)
    return BinaryPictures("cifar", pixels, rows[:, record - CIFAR_PIXELS - 1], names)
