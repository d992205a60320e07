"""Bytes by key: complete or absent, never half."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.core.errors import BadInput, InsufficientStorage, UploadTooLarge
from service.storage.local import Received, Storage


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def broken(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    raise ConnectionResetError("the client went away")


def receive(storage: Storage, source: AsyncIterator[bytes], *, limit: int = 1000):
    receiving = storage.receive("datasets/one/upload", source, limit=limit)
    with ThreadPoolExecutor(1) as thread:  # a browser's event loop may live in the main one
        return thread.submit(asyncio.run, receiving).result()


def leftovers(storage: Storage) -> list[str]:
    return [str(path) for path in storage.root.rglob("*") if path.is_file()]


def test_what_is_received_is_counted_hashed_and_stored_whole(storage):
    received = receive(storage, chunks(b"one", b"", b"two"))
    assert received.bytes == 6
    assert received.sha256 == hashlib.sha256(b"onetwo").hexdigest()
    assert storage.path("datasets/one/upload").read_bytes() == b"onetwo"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (lambda: chunks(b"x" * 600, b"x" * 401), UploadTooLarge),
        (lambda: chunks(), BadInput),
        (lambda: chunks(b"", b""), BadInput),
        (lambda: broken(b"x" * 600), ConnectionResetError),
    ],
)
def test_an_upload_that_fails_leaves_no_file(storage, source, error):
    with pytest.raises(error):
        receive(storage, source())
    assert leftovers(storage) == []


def test_an_upload_of_exactly_the_limit_is_taken(storage):
    assert receive(storage, chunks(b"x" * 1000)).bytes == 1000


def test_nothing_is_received_when_the_disk_is_nearly_full(tmp_path):
    storage = Storage(tmp_path, free_space_watermark_bytes=2**62)
    with pytest.raises(InsufficientStorage):
        receive(storage, chunks(b"x"))
    assert leftovers(storage) == []


def test_space_is_required_for_what_is_announced(storage, monkeypatch):
    storage.watermark = 500
    monkeypatch.setattr(storage, "free_bytes", lambda: 1000)
    storage.require_space()
    storage.require_space(500)
    with pytest.raises(InsufficientStorage):
        storage.require_space(501)


def test_a_file_has_its_name_only_once_it_is_complete(storage):
    with storage.writing("a/b") as path:
        path.write_text("half")
        assert not storage.exists("a/b")
    assert storage.path("a/b").read_text() == "half"


def test_a_failed_write_keeps_the_file_that_was_there(storage):
    def write(text: str, *, fail: bool) -> None:
        with storage.writing("a/b") as path:
            path.write_text(text)
            if fail:
                raise RuntimeError

    write("whole", fail=False)
    with pytest.raises(RuntimeError):
        write("half", fail=True)
    assert storage.path("a/b").read_text() == "whole"
    assert len(leftovers(storage)) == 1


def test_a_folder_is_published_whole_and_replaces_an_earlier_one(storage):
    for content in ("first", "second"):
        with storage.writing("shards/0") as path:
            path.mkdir()
            (path / content).write_text(content)
    assert [path.name for path in storage.path("shards/0").iterdir()] == ["second"]


def test_a_failed_folder_leaves_nothing(storage):
    def fail() -> None:
        with storage.writing("shards/0") as path:
            path.mkdir()
            (path / "half").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert leftovers(storage) == []
    assert not storage.exists("shards/0")


@pytest.mark.parametrize("key", ["../outside", "/etc/passwd", "datasets/../../outside"])
def test_no_key_leads_out_of_the_root(storage, key):
    with pytest.raises(ValueError, match="not a storage key"):
        storage.path(key)


def test_deleting_forgives_what_cannot_be_deleted(storage, monkeypatch):
    """The cleanup finds it later."""
    with storage.writing("one/file") as path:
        path.write_text("x")
    monkeypatch.setattr(os, "unlink", _refuse)
    storage.delete("one")
    assert storage.exists("one/file")


def _refuse(*_: object, **__: object) -> None:
    raise PermissionError


def test_many_writes_leave_no_descriptor_open(storage):
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    for number in range(40):
        with storage.writing(f"many/{number}") as path:
            path.write_text("x")
    assert len(list(descriptors.iterdir())) <= before + 1


def test_leftovers_of_one_key_alone_are_cleared(storage):
    storage.path("a").mkdir()
    for name in (".one.x.part", ".one.y.part", ".two.x.part", "one", "one.part"):
        storage.path(f"a/{name}").write_text("x")
    storage.clear_attempts("a/one")
    assert sorted(path.name for path in storage.path("a").iterdir()) == [
        ".two.x.part",
        "one",
        "one.part",
    ]


def test_what_is_stored_is_measured(storage):
    assert storage.measure("a/b") is None
    with storage.writing("a/b") as path:
        path.write_bytes(b"onetwo")
    assert storage.measure("a/b") == Received(6, hashlib.sha256(b"onetwo").hexdigest())


def test_deleting_takes_files_and_folders_and_forgives_absence(storage):
    for key in ("one/file", "two"):
        with storage.writing(key) as path:
            path.write_text("x")
    for key in ("one", "two", "never/was"):
        storage.delete(key)
    assert leftovers(storage) == []
