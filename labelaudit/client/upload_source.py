"""The file that an upload sends: identified by its hash, read in chunks."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelaudit.client.packing import PackedFile
from labelaudit.schemas import UploadRead

CHUNK_BYTES = 1 << 18
TRANSFER_TIMEOUT = 600.0  # for one chunk on a slow connection, or the service's slow disk

OnBytes = Callable[[int, int], None]


@dataclass(frozen=True)
class UploadSource:
    """A large file, and the dataset that it becomes."""

    path: Path
    size: int
    sha256: str
    filename: str
    name: str
    columns: dict[str, Any]

    @classmethod
    def of(cls, file: PackedFile, name: str, columns: dict[str, Any]) -> "UploadSource":
        with file.path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        size = file.path.stat().st_size
        return cls(file.path, size, sha256, file.filename, name, columns)

    def matches(self, upload: UploadRead) -> bool:
        """Whether an unfinished upload is of the same file into the same dataset."""
        return (upload.filename, upload.name, upload.sha256, upload.columns or {}) == (
            self.filename,
            self.name,
            self.sha256,
            self.columns,
        )


def read_chunks(
    path: Path, start: int, end: int, on_sent: Callable[[int], None]
) -> Iterator[bytes]:
    """The file's bytes from `start` to `end`; reports the offset behind each chunk once sent."""
    sent = start
    with path.open("rb") as file:
        file.seek(start)
        while chunk := file.read(min(CHUNK_BYTES, end - sent)):
            yield chunk
            sent += len(chunk)
            on_sent(sent)
