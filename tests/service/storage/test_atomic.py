"""What is published is on the disk, in the order that a power cut cannot undo."""

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from service.ingest.origin import Origin
from service.ingest.writer import SamplesWriter
from service.storage.atomic import make_folder, publish, replacing
from service.storage.local import Storage
from service.uploads import tus
from tests.support.awaiting import awaited
from worker.encoders.encoding import writing_array
from worker.training.checkpoint import Checkpoints

Call = tuple[str, str]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """Each fsync and rename as it happens: ("fsync", path) and ("rename", target)."""
    found: list[Call] = []

    def watch(name: str, describe: Callable[..., Call]) -> None:
        original = getattr(os, name)

        def call(*arguments: Any, **options: Any) -> Any:
            found.append(describe(*arguments))
            return original(*arguments, **options)

        monkeypatch.setattr(os, name, call)

    watch(
        "fsync", lambda descriptor: ("fsync", str(Path(f"/proc/self/fd/{descriptor}").readlink()))
    )
    watch("replace", lambda _source, target: ("rename", str(target)))
    watch("rename", lambda _source, target: ("rename", str(target)))
    return found


def assert_durable(calls: list[Call], target: Path) -> None:
    """The content before the rename to `target`, and the folder after it."""
    renamed = calls.index(("rename", str(target)))
    contents = [path for what, path in calls[:renamed] if what == "fsync"]
    assert any(Path(path).parent == target.parent for path in contents), calls
    assert ("fsync", str(target.parent)) in calls[renamed + 1 :], calls


def test_a_file_is_synced_then_renamed_then_its_folder_is_synced(tmp_path, calls):
    with replacing(tmp_path / "a") as temporary:
        temporary.write_text("whole")
    assert calls == [
        ("fsync", str(temporary)),
        ("rename", str(tmp_path / "a")),
        ("fsync", str(tmp_path)),
    ]
    assert (tmp_path / "a").read_text() == "whole"


def test_all_of_a_folder_is_synced_before_it_is_renamed(tmp_path, calls):
    with replacing(tmp_path / "a") as temporary:
        (temporary / "inner").mkdir(parents=True)
        (temporary / "inner" / "file").write_text("whole")
    assert calls == [
        ("fsync", str(temporary / "inner" / "file")),
        ("fsync", str(temporary / "inner")),
        ("fsync", str(temporary)),
        ("rename", str(tmp_path / "a")),
        ("fsync", str(tmp_path)),
    ]


def test_a_folder_that_is_not_to_be_replaced_is_kept(tmp_path):
    for name in ("new", "old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    with pytest.raises(OSError, match="not empty"):
        publish(tmp_path / "new", tmp_path / "old", replace=False)
    assert [path.name for path in (tmp_path / "old").iterdir()] == ["old"]
    publish(tmp_path / "new", tmp_path / "old")
    assert [path.name for path in (tmp_path / "old").iterdir()] == ["new"]


def test_new_folders_are_synced_from_the_outermost(tmp_path, calls):
    make_folder(tmp_path / "a" / "b")
    assert calls == [("fsync", str(tmp_path)), ("fsync", str(tmp_path / "a"))]
    make_folder(tmp_path / "a" / "b")
    assert len(calls) == 2


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def test_a_received_body_is_durable(storage: Storage, calls):
    awaited(storage.receive("datasets/one/upload", chunks(b"one"), limit=10))
    assert_durable(calls, storage.path("datasets/one/upload"))


def test_a_moved_file_is_durable(storage: Storage, calls):
    storage.path("incoming").mkdir()
    source, target = storage.path("incoming/up"), storage.path("datasets/one/upload")
    source.write_text("whole")
    storage.move("incoming/up", "datasets/one/upload")
    renamed = calls.index(("rename", str(target)))
    assert ("fsync", str(source)) in calls[:renamed]
    assert calls[renamed + 1 :] == [("fsync", str(target.parent))]
    calls.clear()
    storage.move("incoming/up", "datasets/one/upload")  # again, after a crash
    assert calls[-1] == ("fsync", str(target.parent))
    assert target.read_text() == "whole"


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("samples.parquet", lambda folder: _write_samples(folder)),
        ("rows.npy", lambda folder: _write_array(folder / "rows.npy")),
        (".0-0000000001/checkpoint.pt", lambda folder: _save(folder / "0")),
    ],
)
def test_what_workers_write_is_durable(tmp_path, calls, name, write):
    write(tmp_path)
    assert_durable(calls, tmp_path / name)


def _write_samples(folder: Path) -> None:
    with SamplesWriter(folder) as writer:
        writer.write({"position": [0, 1], "text": ["a", "b"]})
        writer.commit(Origin("table", "csv", ["a", "b"]))


def _write_array(path: Path) -> None:
    with writing_array(path, (2,), np.int64) as array:
        array[:] = 1


def _save(folder: Path) -> None:
    checkpoints = Checkpoints(folder, fence=1, every_seconds=0)
    checkpoints.work.mkdir()
    checkpoints.save_if_due(lambda: {"epoch": 1})


def _append(storage: Storage, content: bytes, *, offset: int) -> int:
    upload: Any = SimpleNamespace(id="up_1", dataset_id="ds_1", length=100)
    found: int = awaited(tus.append(storage, upload, chunks(content), offset=offset))
    return found


def test_appended_bytes_are_durable_before_the_offset_is_answered(storage, calls, monkeypatch):
    path = storage.path("incoming/up_1")
    sizes = []
    fsync = os.fsync
    monkeypatch.setattr(
        os,
        "fsync",
        lambda descriptor: (sizes.append(os.fstat(descriptor).st_size), fsync(descriptor)),
    )
    assert _append(storage, b"12345", offset=0) == 5
    assert calls[-2:] == [("fsync", str(path)), ("fsync", str(path.parent))]
    assert sizes[-2] == 5  # the bytes had left this process's buffers
    calls.clear()
    assert _append(storage, b"678", offset=5) == 8
    assert ("fsync", str(path)) in calls
    assert sizes[-2] == 8


def test_an_offset_is_durable_before_it_is_answered(storage, calls):
    path = storage.path("incoming/up_1")
    path.parent.mkdir()
    path.write_text("12345")
    upload: Any = SimpleNamespace(id="up_1", dataset_id="ds_1")
    assert tus.offset_of(storage, upload) == 5
    assert calls == [("fsync", str(path))]
