"""The bytes of a tus upload: appended as they arrive. The file's size is the offset."""

import fcntl
import hashlib
import os
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from starlette.concurrency import run_in_threadpool

from service.core.errors import (
    ChecksumMismatch,
    Conflict,
    Locked,
    UploadTooLarge,
)
from service.datasets.records import upload_key
from service.db.tables import Upload
from service.storage.atomic import make_folder, sync
from service.storage.local import Storage

BLOCK = 1 << 20


@dataclass(frozen=True)
class Checksum:
    """The hash that a client sent for one request's bytes."""

    algorithm: str
    digest: bytes


def part_key(upload_id: str) -> str:
    return f"incoming/{upload_id}"


def offset_of(storage: Storage, upload: Upload) -> int:
    """How many bytes have arrived and are durable."""
    for key in (part_key(upload.id), upload_key(upload.dataset_id)):
        try:
            descriptor = os.open(storage.path(key), os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            os.fsync(descriptor)
            return os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
    return 0


def discard(storage: Storage, upload: Upload) -> None:
    """Delete what has arrived."""
    storage.delete(part_key(upload.id))


async def append(
    storage: Storage,
    upload: Upload,
    chunks: AsyncIterator[bytes],
    *,
    offset: int,
    checksum: Checksum | None = None,
) -> int:
    """Append a request's body to the upload; returns the new offset.

    If the connection breaks, the bytes that have arrived are kept, unless the request has a
    checksum.

    Raises
    ------
    Conflict, Locked
        `offset` is not the upload's offset; another request is writing.
    UploadTooLarge, ChecksumMismatch
        The client sent more than it declared, and everything is deleted; this request's bytes are
        damaged, and only they are dropped.
    """
    await run_in_threadpool(storage.require_space)
    with await run_in_threadpool(_open, storage, upload) as file, _locked(file):
        size = os.fstat(file.fileno()).st_size
        if size != offset:
            raise Conflict(
                f"The upload is at byte {size}, not {offset}. Get the offset with HEAD and resume "
                "there.",
                type="upload-offset-conflict",
            )
        try:
            return await _write(file, upload, chunks, offset, checksum)
        except UploadTooLarge:
            discard(storage, upload)
            raise
        finally:
            await run_in_threadpool(_flush, file, storage.path(part_key(upload.id)))


async def _write(
    file: IO[bytes],
    upload: Upload,
    chunks: AsyncIterator[bytes],
    offset: int,
    checksum: Checksum | None,
) -> int:
    digest = hashlib.new(checksum.algorithm) if checksum else None
    start, buffer = offset, bytearray()
    valid = checksum is None
    try:
        async for chunk in chunks:
            offset += len(chunk)
            if offset > (upload.length or 0):
                raise UploadTooLarge(
                    f"You sent more than the {upload.length} bytes you declared. Nothing was kept; "
                    "start a new upload.",
                    type="upload-exceeds-declared-size",
                )
            if digest is not None:
                digest.update(chunk)
            buffer += chunk
            if len(buffer) >= BLOCK:
                await run_in_threadpool(file.write, bytes(buffer))
                buffer.clear()
        valid = valid or (digest is not None and digest.digest() == checksum.digest)  # type: ignore[union-attr]
    finally:
        file.write(buffer)
        if not valid:
            file.flush()
            file.truncate(start)
    if not valid:
        raise ChecksumMismatch(
            "The bytes do not match the checksum sent with them and were dropped. Send them again "
            f"from byte {start}."
        )
    return offset


def _open(storage: Storage, upload: Upload) -> IO[bytes]:
    path = storage.path(part_key(upload.id))
    make_folder(path.parent)
    return path.open("ab")


@contextmanager
def _locked(file: IO[bytes]) -> Generator[None]:
    """Locks the file for one request, across processes. Closing the file releases the lock."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Locked(
            "Another request is writing to this upload. Wait until it ends, then get the offset.",
            retry_after=2,
        ) from None
    yield


def _flush(file: IO[bytes], path: Path) -> None:
    """Make the file's bytes durable, and its name in case it is new."""
    file.flush()
    os.fsync(file.fileno())
    sync(path.parent)
