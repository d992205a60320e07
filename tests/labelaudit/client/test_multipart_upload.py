"""Large files by the client, straight to the bucket: in parts, resumed, and through the service
where the bucket is out of reach."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labelaudit import ApiError, BucketUnreachableError, Client
from labelaudit.client import multipart_upload, upload
from labelaudit.client.multipart_upload import MultipartUpload
from service.core.config import Settings
from tests.support.bucket import PART_BYTES, Bucket
from tests.support.live import LiveService, serving
from worker.handlers.registry import HANDLERS
from worker.runtime.context import Worker
from worker.runtime.runner import run_one

MEBIBYTE = 1 << 20


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path, database_url=sqlite_url, storage_dir=tmp_path / "storage",
        free_space_watermark_bytes=0, workers=0,
    )  # fmt: skip


@pytest.fixture
def service(settings: Settings, bucket: Bucket) -> Iterator[LiveService]:
    with serving(settings) as service:
        yield service


@pytest.fixture
def client(service: LiveService, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr(multipart_upload, "DELAYS", (0.01,) * 7)
    with Client(service.url, service.token) as client:
        yield client


@pytest.fixture
def worker(settings: Settings, service: LiveService) -> Iterator[Worker]:
    worker = Worker.open(settings, {"cpu"}, HANDLERS)
    yield worker
    worker.database.dispose()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of some 22 MiB: five parts."""
    path = tmp_path_factory.mktemp("large") / "large.csv"
    with path.open("w") as file:
        file.write("sample_id,label,text\n")
        for row in range(22_000):
            file.write(f"s{row},{'ab'[row % 2]},{'x' * 1000}\n")
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def puts(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the parts that are sent, in order."""
    sent, put = [], MultipartUpload._put

    def noted(going: MultipartUpload, http: Any, part: Any, start: int) -> str | None:
        sent.append(part.number)
        return put(going, http, part, start)

    monkeypatch.setattr(MultipartUpload, "_put", noted)
    return sent


def test_a_large_file_goes_to_the_bucket_by_itself(client, worker, bucket, path, monkeypatch):
    told: list[tuple[int, int]] = []
    sent = puts(bucket, monkeypatch)
    dataset = client.upload(path, wait=False, on_bytes=lambda *now: told.append(now))
    size = path.stat().st_size
    assert sorted(sent) == [1, 2, 3, 4, 5]
    assert told[-1] == (size, size)
    assert max(one for one, _ in told) == size
    assert run_one(worker)
    dataset = client.wait_for_dataset(dataset.id)
    assert (dataset.sha256, dataset.sample_count) == (sha256(path), 22_000)
    assert bucket.holds() == []


def test_a_small_file_does_not(client, bucket, tmp_path, monkeypatch):
    small = tmp_path / "small.csv"
    small.write_text("label,text\n" + "a,b\n" * 50)
    sent = puts(bucket, monkeypatch)
    client.upload(small, wait=False)
    assert sent == []


def test_what_was_begun_is_gone_on_with(client, worker, bucket, path, monkeypatch):
    class Killed(BaseException):
        pass

    def kill(sent: int, _size: int) -> None:
        if sent > 2 * PART_BYTES:
            raise Killed

    monkeypatch.setattr(multipart_upload, "PARALLEL_PARTS", 1)
    with pytest.raises(Killed):
        client.upload(path, on_bytes=kill)
    sent = puts(bucket, monkeypatch)
    client.upload(path, wait=False)
    assert 0 < len(sent) < 5
    assert len(list(client.datasets())) == 1


def test_a_line_that_breaks_is_tried_again(client, worker, bucket, path, monkeypatch):
    put, broken = MultipartUpload._put, []

    def break_once(going: MultipartUpload, http: Any, part: Any, start: int) -> str | None:
        if part.number not in broken:
            broken.append(part.number)
            return "503 Slow down"
        return put(going, http, part, start)

    monkeypatch.setattr(MultipartUpload, "_put", break_once)
    dataset = client.upload(path, wait=False)
    run_one(worker)
    assert client.dataset(dataset.id).sha256 == sha256(path)


@pytest.fixture
def out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MultipartUpload, "_put", lambda *_: "ConnectError: no route")


@pytest.mark.usefixtures("out_of_reach")
def test_a_bucket_out_of_reach_is_passed_by(client, worker, bucket, path):
    dataset = client.upload(path, wait=False)
    assert dataset.sha256 == sha256(path)
    assert bucket.holds() == []
    assert client._transport.get("/v1/uploads")["items"] == []


@pytest.mark.usefixtures("out_of_reach")
def test_whoever_insists_on_the_bucket_is_told_that_it_is_out_of_reach(client, path):
    with pytest.raises(BucketUnreachableError, match="no route"):
        client.upload(path, direct=True)


def test_whoever_wants_it_through_the_service_gets_that(client, bucket, path, monkeypatch):
    sent = puts(bucket, monkeypatch)
    dataset = client.upload(path, wait=False, direct=False)
    assert sent == []
    assert dataset.sha256 == sha256(path)


def test_insisting_where_there_is_no_bucket_is_refused(settings, service, path):
    service.stop()
    settings.upload_bucket = ""
    service.start()
    with Client(service.url, service.token) as client:
        with pytest.raises(ApiError, match="No upload bucket"):
            client.upload(path, direct=True)
        assert path.stat().st_size > upload.RESUMABLE_BYTES
        assert client.upload(path, wait=False).sha256 == sha256(path)
