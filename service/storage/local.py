"""Bytes by key, in a local folder. A file is complete as soon as its name exists."""

import hashlib
import shutil
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from starlette.concurrency import run_in_threadpool

from service.core.errors import BadInput, InsufficientStorage, UploadTooLarge
from service.storage import atomic


@dataclass(frozen=True)
class Received:
    bytes: int
    sha256: str


class Storage:
    """Keys are relative POSIX paths that this code generates, never names that users supply."""

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
        """A temporary path, published under the key if the block succeeds, else removed."""
        with atomic.replacing(self.path(key)) as temporary:
            yield temporary

    def clear_attempts(self, key: str) -> None:
        """Delete the leftovers of killed attempts to write this key. Only for its sole writer."""
        target = self.path(key)
        for left in target.parent.glob(f".{target.name}.*.part"):
            left.unlink(missing_ok=True)

    def move(self, source: str, key: str) -> None:
        """Rename a complete file to another key, durably, unless an earlier attempt already has."""
        target = self.path(key)
        atomic.make_folder(target.parent)
        try:
            atomic.publish(self.path(source), target)
        except FileNotFoundError:
            atomic.sync(target.parent)  # the earlier attempt may have been killed before this

    async def receive(self, key: str, chunks: AsyncIterator[bytes], *, limit: int) -> Received:
        """Stream a request body to the key; returns its size and hash.

        Raises
        ------
        UploadTooLarge, InsufficientStorage, BadInput
            More than `limit` bytes; the disk is nearly full; the body is empty. Nothing is kept.
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
                    "The upload is empty. Send the file as the request body, or in a form.",
                    type="empty-file",
                )
        return Received(size, digest.hexdigest())

    def measure(self, key: str) -> Received | None:
        """The size and hash of the stored file, if there is one."""
        try:
            with self.path(key).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                return Received(file.tell(), digest)
        except FileNotFoundError:
            return None

    def free_bytes(self) -> int:
        return shutil.disk_usage(self.root).free

    def require_space(self, size: int = 0) -> None:
        """Raises InsufficientStorage if `size` more bytes would leave too little free space."""
        if self.free_bytes() - size < self.watermark:
            raise InsufficientStorage(
                "The server's disk is nearly full; nothing was stored. Free some space, then retry."
            )

    def delete(self, key: str) -> None:
        path = self.path(key)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
