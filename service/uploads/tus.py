"""The bytes of an upload: appended as they come, and counted by the file that holds them."""

import asyncio
import fcntl
import hashlib
import os
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from dataclasses import dataclass
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
from service.storage.local import Storage

BLOCK = 1 << 20
SILENT_SECONDS = 15.0  # a connection that is gone without a word lets go after this long


@dataclass(frozen=True)
class Checksum:
    """What a client says one request's bytes hash to."""

    algorithm: str
    digest: bytes


def part_key(upload_id: str) -> str:
    return f"incoming/{upload_id}"


def offset_of(storage: Storage, upload: Upload) -> int:
    """Bytes that have arrived and would survive a power cut."""
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
    """Write a request's body behind the bytes that are there; returns the new offset.

    What arrived before the connection broke is kept, unless the request came with a checksum.

    Raises
    ------
    Conflict, Locked
        `offset` is not where the upload stands; another request is writing.
    UploadTooLarge, ChecksumMismatch
        More than was declared came, and all is deleted; this request's bytes are damaged, and
        they alone are dropped.
    """
    await run_in_threadpool(storage.require_space)
    with await run_in_threadpool(_open, storage, upload) as file, _locked(file):
        size = os.fstat(file.fileno()).st_size
        if size != offset:
            raise Conflict(
                f"The upload stands at byte {size}, not {offset}. Ask with HEAD, go on there.",
                type="upload-offset-conflict",
            )
        try:
            return await _write(file, upload, chunks, offset, checksum)
        except UploadTooLarge:
            discard(storage, upload)
            raise
        finally:
            await run_in_threadpool(_settle, file)


async def _write(
    file: IO[bytes],
    upload: Upload,
    chunks: AsyncIterator[bytes],
    offset: int,
    checksum: Checksum | None,
) -> int:
    digest = hashlib.new(checksum.algorithm) if checksum else None
    start, held = offset, bytearray()
    proven = checksum is None
    try:
        async for chunk in _patiently(chunks):
            offset += len(chunk)
            if offset > (upload.length or 0):
                raise UploadTooLarge(
                    f"More came than the {upload.length} bytes that were declared. Nothing is "
                    "kept; start a new upload.",
                    type="upload-exceeds-declared-size",
                )
            if digest is not None:
                digest.update(chunk)
            held += chunk
            if len(held) >= BLOCK:
                await run_in_threadpool(file.write, bytes(held))
                held.clear()
        proven = proven or (digest is not None and digest.digest() == checksum.digest)  # type: ignore[union-attr]
    finally:
        file.write(held)
        if not proven:
            file.flush()
            file.truncate(start)
    if not proven:
        raise ChecksumMismatch(
            "These bytes do not have the checksum that was sent with them; they were dropped. "
            f"Send them again from byte {start}."
        )
    return offset


async def _patiently(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same chunks; a caller that says nothing for too long is taken to be gone."""
    iterator = aiter(chunks)
    while True:
        try:
            yield await asyncio.wait_for(anext(iterator), SILENT_SECONDS)
        except (StopAsyncIteration, TimeoutError):
            return


def _open(storage: Storage, upload: Upload) -> IO[bytes]:
    path = storage.path(part_key(upload.id))
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("ab")


@contextmanager
def _locked(file: IO[bytes]) -> Generator[None]:
    """Held by one request at a time, whichever process answers it; let go however that ends."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Locked(
            "Another request is writing to this upload. Wait until it ends, ask for the offset.",
            retry_after=2,
        ) from None
    yield


def _settle(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
