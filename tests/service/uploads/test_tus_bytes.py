"""The bytes of a tus upload: appended by one request at a time, kept or dropped as one expects."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from service.core.errors import (
    ChecksumMismatch,
    Conflict,
    InsufficientStorage,
    Locked,
    NotFound,
    UploadTooLarge,
)
from service.uploads import completion, tus
from service.uploads.tus import Checksum, append, offset_of, part_key
from tests.support.awaiting import awaited

UPLOAD: Any = SimpleNamespace(id="up_1", dataset_id="ds_1", length=8)


async def chunks(*parts: bytes, error: type[Exception] | None = None) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    if error is not None:
        raise error


def checksum(content: bytes) -> Checksum:
    return Checksum("sha1", hashlib.sha1(content).digest())


@pytest.fixture
def path(storage):
    return storage.path(part_key("up_1"))


def send(storage, *parts: bytes, offset: int = 0, **options: Any) -> int:
    error = options.pop("error", None)
    action = append(storage, UPLOAD, chunks(*parts, error=error), offset=offset, **options)
    taken: int = awaited(action)
    return taken


@pytest.mark.parametrize("block", [1, 3, 1 << 20])
def test_pieces_are_appended_whatever_the_size_of_their_chunks(storage, path, block, monkeypatch):
    monkeypatch.setattr(tus, "BLOCK", block)
    assert send(storage, b"12", b"3", b"") == 3
    assert send(storage, b"4567", b"8", offset=3) == 8  # exactly as long as it was announced
    assert path.read_bytes() == b"12345678"


def test_of_two_who_send_at_once_one_is_told_to_wait(storage, path):
    async def race() -> int:
        began, go_on = asyncio.Event(), asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield b"123"
            began.set()
            await go_on.wait()
            yield b"45"

        first = asyncio.create_task(append(storage, UPLOAD, slowly(), offset=0))
        await began.wait()
        with pytest.raises(Locked) as refused:
            await append(storage, UPLOAD, chunks(b"abc"), offset=0)
        assert refused.value.retry_after == 2
        go_on.set()
        return await first

    assert awaited(race()) == 5
    assert path.read_bytes() == b"12345"
    assert send(storage, b"678", offset=5) == 8


@pytest.mark.parametrize("offset", [0, 2, 4])
def test_another_offset_than_the_uploads_is_a_conflict(storage, path, offset):
    send(storage, b"123")
    with pytest.raises(Conflict, match=f"at byte 3, not {offset}"):
        send(storage, b"x", offset=offset)
    assert path.read_bytes() == b"123"


def test_more_than_was_announced_deletes_everything(storage, path):
    send(storage, b"123")
    with pytest.raises(UploadTooLarge, match="the 8 bytes"):
        send(storage, b"45678", b"9", offset=3)
    assert not path.exists()


def test_what_arrived_before_the_connection_broke_is_kept(storage, path):
    with pytest.raises(ConnectionResetError):
        send(storage, b"12", b"3", error=ConnectionResetError)
    assert path.read_bytes() == b"123"
    assert offset_of(storage, UPLOAD) == 3


def test_with_a_checksum_all_of_a_request_counts_or_nothing(storage, path):
    assert send(storage, b"12", b"3", checksum=checksum(b"123")) == 3
    with pytest.raises(ConnectionResetError):
        send(storage, b"45", error=ConnectionResetError, offset=3, checksum=checksum(b"456"))
    assert path.read_bytes() == b"123"
    with pytest.raises(ChecksumMismatch, match="from byte 3"):
        send(storage, b"45", offset=3, checksum=checksum(b"xx"))
    assert path.read_bytes() == b"123"
    assert send(storage, b"45", offset=3, checksum=checksum(b"45")) == 5


def test_a_full_disk_takes_nothing(storage, path):
    storage.watermark = 2**62
    with pytest.raises(InsufficientStorage):
        send(storage, b"123")
    assert not path.exists()


def test_the_bytes_are_found_before_and_after_they_became_a_dataset(storage, path):
    assert offset_of(storage, UPLOAD) == 0
    with pytest.raises(NotFound):
        completion._measure(storage, UPLOAD)
    send(storage, b"12345678")
    digest = hashlib.sha256(b"12345678").hexdigest()
    for _ in range(2):
        assert offset_of(storage, UPLOAD) == 8
        received = completion._measure(storage, UPLOAD)
        assert (received.bytes, received.sha256) == (8, digest)
        storage.move(part_key("up_1"), "datasets/ds_1/upload")  # the second time it has moved
    tus.discard(storage, UPLOAD)  # nothing left to discard
    assert offset_of(storage, UPLOAD) == 8
