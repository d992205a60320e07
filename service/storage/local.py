"""Bytes and arrays by key, in a local folder. A file is complete the moment its name exists."""

import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from uuid import uuid4

from starlette.concurrency import run_in_threadpool

from service.core.errors import BadInput, InsufficientStorage, UploadTooLarge


@dataclass(frozen=True)
class Received:
    bytes: int
    sha256: str


class Storage:
    """Keys are relative POSIX paths that this code makes; no name from a user is ever one."""

    def __init__(self, root: Path, *, free_space_watermark_bytes: int = 0) -> None:
        self.root = root
        self.watermark = free_space_watermark_bytes
        root.mkdir(parents=True, exist_ok=True)

    def path(self, key: str) -> Path:
        parts = PurePosixPath(key)
        if parts.is_absolute() or ".." in parts.parts:
            raise ValueError(f"not a storage key: {key!r}")
        return self.root / parts

    def exists(self, key: str) -> bool:
        return self.path(key).exists()

    @contextmanager
    def writing(self, key: str) -> Generator[Path]:
        """A temporary path, renamed to the key's own when the block ends well, else removed."""
        target = self.path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{uuid4().hex}.part")
        try:
            yield temporary
            if temporary.is_file():
                _sync(temporary)
            elif target.is_dir():  # an earlier attempt finished the same folder
                shutil.rmtree(target)
            temporary.replace(target)
            _sync(target.parent)
        finally:
            if temporary.is_dir():
                shutil.rmtree(temporary, ignore_errors=True)
            else:
                temporary.unlink(missing_ok=True)

    def clear_attempts(self, key: str) -> None:
        """Delete what killed attempts at writing this left. For whoever alone may write it."""
        target = self.path(key)
        for left in target.parent.glob(f".{target.name}.*.part"):
            left.unlink(missing_ok=True)

    @contextmanager
    def placing(self, key: str) -> Generator[Path]:
        """The key's own path, for a file that is renamed to it; durable when the block ends."""
        target = self.path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        yield target
        _sync(target.parent)

    async def receive(self, key: str, chunks: AsyncIterator[bytes], *, limit: int) -> Received:
        """Stream a request body to the key, hashing and counting as it goes.

        Raises
        ------
        UploadTooLarge, InsufficientStorage, BadInput
            Over `limit` bytes; the disk is nearly full; nothing was sent. Nothing is kept.
        """
        digest, size = hashlib.sha256(), 0
        with self.writing(key) as temporary, temporary.open("wb") as file:
            self.require_space()
            async for chunk in chunks:
                size += len(chunk)
                if size > limit:
                    raise UploadTooLarge(f"The upload is larger than {limit} bytes.")
                digest.update(chunk)
                await run_in_threadpool(file.write, chunk)
            if size == 0:
                raise BadInput(
                    "The upload is empty: send the file's bytes as the request body.",
                    type="empty-file",
                )
        return Received(size, digest.hexdigest())

    def measure(self, key: str) -> Received | None:
        """The size and hash of what lies there."""
        try:
            with self.path(key).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                return Received(file.tell(), digest)
        except FileNotFoundError:
            return None

    def free_bytes(self) -> int:
        return shutil.disk_usage(self.root).free

    def require_space(self, size: int = 0) -> None:
        """Raises InsufficientStorage unless `size` more bytes leave the watermark's space free."""
        if self.free_bytes() - size < self.watermark:
            raise InsufficientStorage(
                "The server's disk is nearly full; nothing was stored. Free some space, try again."
            )

    def delete(self, key: str) -> None:
        path = self.path(key)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
