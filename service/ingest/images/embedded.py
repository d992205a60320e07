"""Pictures that are values of a table or an array: their bytes are copied into their own file."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from service.core.errors import BadDataset
from service.ingest.bad_files import BadFile, BadFiles
from service.ingest.columns.convert import to_strings
from service.ingest.images.measured import measured_columns
from service.ingest.report import Limits
from service.pictures.image_files import STORED, BadImage
from service.pictures.measures import Measures, measure_image


class EmbeddedImages:
    """Copies pictures to `media`, one behind the other. `read` drops rows without a good one."""

    def __init__(self, column: str, label: str, media: Path, limits: Limits) -> None:
        self.column, self.label, self.media, self.limits = column, label, media, limits
        self.rows = self.size = 0
        self.bad = BadFiles(limits)
        media.unlink(missing_ok=True)

    def columns(self) -> list[str]:
        """The source columns it reads."""
        return [self.column, self.label]

    def read(self, batch: Any, first_row: int) -> dict[str, Any]:
        """Canonical columns of a batch, and `keep`: False where the image is bad."""
        images = batch[self.column].to_pylist()
        labels = to_strings(batch[self.label]).to_pylist()
        sizes = np.zeros(len(images), np.int64)
        measures: list[Measures | None] = []
        with self.media.open("ab") as media:
            for place, (data, label) in enumerate(zip(images, labels, strict=True)):
                name = f"row {first_row + place + 1}"
                found = _measure(data, self.limits)
                if isinstance(found, str):
                    self.bad.bad.append(BadFile(first_row + place, name, found, label))
                    measures.append(None)
                    continue
                measures.append(found)
                sizes[place] = media.write(data)
        self.rows += len(images)
        self.bad.refuse_many(max(self.rows, 100))
        ends = self.size + np.cumsum(sizes)
        self.size = int(ends[-1]) if len(ends) else self.size
        files = [f"{row}.{_suffix(d)}" for row, d in enumerate(images, first_row)]
        return {
            "keep": pa.array([one is not None for one in measures], pa.bool_()),
            "file": pa.array(files, pa.string()),
            "media_offset": pa.array(ends - sizes, pa.int64()),
            "media_compressed": pa.array(sizes, pa.int64()),
            "media_size": pa.array(sizes, pa.int64()),
            "media_method": pa.array(np.full(len(images), STORED, np.int8)),
            **measured_columns(measures),
        }

    def finish(self) -> list[str]:
        """Warnings of what was left out."""
        self.bad.refuse_many(self.rows)
        return self.bad.warnings()

    def close(self) -> None:
        """Nothing is held."""


def _suffix(data: bytes | None) -> str:
    start = data[:12] if data else b""
    if start.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if start.startswith(b"\x89PNG"):
        return "png"
    return "webp" if start[8:12] == b"WEBP" else "img"


def _measure(data: bytes | None, limits: Limits) -> Measures | str:
    """Its measures, or why it is bad."""
    if not data:
        return "the row holds no image, or only its path"
    if len(data) > limits.archive_member:
        return f"it has {len(data)} bytes; the limit is {limits.archive_member}"
    try:
        return measure_image(data)
    except (BadImage, BadDataset) as error:
        return str(error.detail)[:200]
