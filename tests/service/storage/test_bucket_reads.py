"""Reading an object from a bucket whose connections break, without a bucket."""

import copy
import io
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from service.core.config import Settings
from service.core.errors import Unavailable
from service.storage import upload_bucket
from service.storage.upload_bucket import Found, NotThere, UploadBucket

CONTENT = b"0123456789"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> UploadBucket:
    return UploadBucket(
        Settings(
            data_dir=tmp_path_factory.mktemp("data"),
            upload_bucket="files",
            upload_prefix="in/",
            upload_endpoint="http://127.0.0.1:1",
            upload_public_endpoint="https://bucket.example:8443",
            upload_access_key="a",
            upload_secret_key="b",
        )
    )


@pytest.fixture
def bucket(made, monkeypatch) -> UploadBucket:
    monkeypatch.setattr(upload_bucket, "CHUNK", 4)
    monkeypatch.setattr(upload_bucket, "RETRY_DELAYS", (0.5, 2.0))
    return copy.copy(made)


@pytest.fixture
def pauses(monkeypatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    return slept


class Body(io.BytesIO):
    """Breaks after so many chunks."""

    def __init__(self, content: bytes, chunks: int | None) -> None:
        super().__init__(content)
        self.chunks = chunks

    def iter_chunks(self, size: int):
        while chunk := self.read(size):
            if self.chunks == 0:
                raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")
            if self.chunks is not None:
                self.chunks -= 1
            yield chunk


class S3:
    """Each request gets one of the given numbers of chunks; None is all of them."""

    def __init__(self, *chunks: int | None) -> None:
        self.chunks = list(chunks)
        self.asked: list[dict[str, Any]] = []

    def get_object(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        first = int(asked["Range"].removeprefix("bytes=").rstrip("-"))
        return {"Body": Body(CONTENT[first:], self.chunks.pop(0))}


def read(bucket: UploadBucket) -> bytes:
    return b"".join(bucket.read("ds_1", Found(len(CONTENT), "tag")))


def test_an_object_is_read_on_from_where_the_connection_broke(bucket, pauses):
    bucket._s3 = S3(1, 0, 1, None)
    assert read(bucket) == CONTENT
    where = {"Bucket": "files", "Key": "in/ds_1", "IfMatch": "tag"}
    assert bucket._s3.asked == [{**where, "Range": f"bytes={first}-"} for first in (0, 4, 4, 8)]
    assert pauses == [0.5, 0.5, 0.5]


def test_what_breaks_without_a_byte_is_tried_ever_later_and_then_given_up(bucket, pauses):
    bucket._s3 = S3(0, 0, 0, None)
    with pytest.raises(Unavailable):
        read(bucket)
    assert pauses == [0.5, 2.0]


def test_an_object_that_went_is_not_there(bucket, pauses):
    def gone(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")

    bucket._s3 = S3()
    bucket._s3.get_object = gone
    with pytest.raises(NotThere):
        read(bucket)
    assert pauses == []


def test_addresses_are_those_that_browsers_reach(bucket):
    assert bucket.origin == "https://bucket.example:8443"
    assert bucket.address("ds_1") == "s3://files/in/ds_1"
    signed = bucket.sign("ds_1", "up", 3, size=7, seconds=60)
    assert signed.startswith("https://bucket.example:8443/files/in/ds_1?")
    for part in ("partNumber=3", "uploadId=up", "X-Amz-Expires=60", "content-length"):
        assert part in signed
