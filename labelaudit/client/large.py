"""A file that is too large to be sent again and again, and how long to try."""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from labelaudit.client.errors import ApiError, NoService
from labelaudit.client.packing import Upload
from labelaudit.schemas import UploadRead

CHUNK = 1 << 18
BLOCK_TIMEOUT = 600.0  # for one block, on a slow line or a busy disk
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0)  # while nothing more arrives
COME_AGAIN = (429, 502, 503, 504)

OnBytes = Callable[[int, int], None]
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class LargeFile:
    """What is sent, and what it becomes."""

    path: Path
    size: int
    sha256: str
    filename: str
    name: str
    columns: dict[str, Any]

    @classmethod
    def of(cls, upload: Upload, name: str, columns: dict[str, Any]) -> "LargeFile":
        with upload.path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        size = upload.path.stat().st_size
        return cls(upload.path, size, sha256, upload.filename, name, columns)

    def is_begun_as(self, upload: UploadRead) -> bool:
        """Whether an earlier process began to send the same."""
        return (upload.filename, upload.name, upload.sha256, upload.columns or {}) == (
            self.filename,
            self.name,
            self.sha256,
            self.columns,
        )


def blocks(path: Path, start: int, end: int, on_sent: Callable[[int], None]) -> Iterator[bytes]:
    """The file's bytes from `start` to `end`; tells where the last one that was taken lay."""
    sent = start
    with path.open("rb") as file:
        file.seek(start)
        while block := file.read(min(CHUNK, end - sent)):
            yield block
            sent += len(block)
            on_sent(sent)


def patiently(ask: Callable[[], Answer]) -> Answer:
    """The answer of a service that may be away for a while. For what can be asked twice."""
    for pause in PAUSES:
        try:
            return ask()
        except NoService:
            pass
        except ApiError as error:
            if error.status not in COME_AGAIN:
                raise
        time.sleep(pause)
    return ask()
