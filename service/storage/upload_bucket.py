"""The S3 bucket that clients upload to. It only receives files; it is not the storage.

The service signs URLs, clients upload the parts of a file, and a worker fetches the file and
deletes it from the bucket. boto3 is imported only if a bucket is configured.
"""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import structlog

from service.core.config import Settings
from service.core.errors import Unavailable

log = structlog.get_logger()

ABSENT = {"NoSuchUpload", "NoSuchKey", "PreconditionFailed", "404", "412"}
CHUNK = 1 << 20
PARTS_PER_PAGE = 1000
CONNECT_SECONDS, READ_SECONDS = 5, 20  # a waiting request occupies one of the service's threads
RETRY_AFTER_SECONDS = 10
RETRY_DELAYS = (0.5, 2.0, 8.0)  # seconds, between attempts that read nothing new


class NotThere(LookupError):
    """The bucket has no such object or upload, or the object has been replaced."""


@dataclass(frozen=True)
class Part:
    number: int
    bytes: int
    etag: str


@dataclass(frozen=True)
class Found:
    """An object. A replacement under the same key has another `etag`."""

    bytes: int
    etag: str


@dataclass(frozen=True)
class Leftover:
    """An object or an unfinished upload, and when it was created."""

    dataset_id: str
    since: datetime
    multipart_id: str | None = None


class UploadBucket:
    """Every method may raise Unavailable: the bucket does not answer or rejects us."""

    def __init__(self, settings: Settings) -> None:
        self.name, self.prefix = settings.upload_bucket, settings.upload_prefix
        public = settings.upload_public_endpoint or settings.upload_endpoint
        self._s3 = _client(settings, settings.upload_endpoint)
        self._signer = self._s3 if public == settings.upload_endpoint else _client(settings, public)

    @classmethod
    def of(cls, settings: Settings) -> "UploadBucket | None":
        """The configured bucket; None if files are uploaded only through the service."""
        return cls(settings) if settings.upload_bucket else None

    def key(self, dataset_id: str) -> str:
        return f"{self.prefix}{dataset_id}"

    def address(self, dataset_id: str) -> str:
        """The object's URL, to show to people."""
        return f"s3://{self.name}/{self.key(dataset_id)}"

    @cached_property
    def origin(self) -> str:
        """Scheme, host and port of signed URLs."""
        parts = urlsplit(self.sign("origin", "origin", 1, size=1, seconds=60))
        return f"{parts.scheme}://{parts.netloc}"

    # ---------------------------------------------------------------------------------- uploading

    def begin(self, dataset_id: str) -> str:
        """Start a multipart upload; returns the bucket's id for it."""
        with _requests():
            made = self._s3.create_multipart_upload(**self._object(dataset_id))
        return str(made["UploadId"])

    def sign(
        self, dataset_id: str, multipart_id: str, number: int, *, size: int, seconds: int
    ) -> str:
        """A URL that accepts this part, of exactly this size. Needs no request to the bucket."""
        part = {"UploadId": multipart_id, "PartNumber": number, "ContentLength": size}
        with _requests():
            signed = self._signer.generate_presigned_url(
                "upload_part", Params={**self._object(dataset_id), **part}, ExpiresIn=seconds
            )
        return str(signed)

    def parts(self, dataset_id: str, multipart_id: str, *, after: int = 0) -> Iterator[Part]:
        """The parts that have arrived, in order, after number `after`. Raises NotThere."""
        query = {**self._object(dataset_id), "UploadId": multipart_id, "MaxParts": PARTS_PER_PAGE}
        while True:
            with _requests():
                page = self._s3.list_parts(**query, PartNumberMarker=after)
            for part in page.get("Parts", ()):
                yield Part(int(part["PartNumber"]), int(part["Size"]), str(part["ETag"]))
            if not page.get("IsTruncated"):
                return
            after = int(page["NextPartNumberMarker"])

    def assemble(self, dataset_id: str, multipart_id: str, parts: Sequence[Part]) -> None:
        """Assemble the parts into the object. Raises NotThere, also if that was done before."""
        listed = [{"PartNumber": part.number, "ETag": part.etag} for part in parts]
        with _requests():
            self._s3.complete_multipart_upload(
                **self._object(dataset_id),
                UploadId=multipart_id,
                MultipartUpload={"Parts": listed},
            )

    # ---------------------------------------------------------------------------------- downloading

    def find(self, dataset_id: str) -> Found | None:
        with suppress(NotThere), _requests():
            head = self._s3.head_object(**self._object(dataset_id))
            return Found(int(head["ContentLength"]), str(head["ETag"]))
        with _requests():  # HEAD gives the same answer if the bucket does not exist
            self._s3.list_objects_v2(Bucket=self.name, Prefix=self.prefix, MaxKeys=1)
        return None

    def read(self, dataset_id: str, found: Found) -> Iterator[bytes]:
        """The object's bytes, resumed if the connection breaks. Raises NotThere."""
        offset = failures = 0
        while offset < found.bytes:
            before = offset
            try:
                for chunk in self._read_from(dataset_id, found, offset):
                    offset += len(chunk)
                    yield chunk
            except Unavailable:
                failures = 0 if offset > before else failures + 1
                if failures > len(RETRY_DELAYS):
                    raise
                time.sleep(RETRY_DELAYS[max(0, failures - 1)])

    def _read_from(self, dataset_id: str, found: Found, offset: int) -> Iterator[bytes]:
        with _requests():
            answer = self._s3.get_object(
                **self._object(dataset_id), IfMatch=found.etag, Range=f"bytes={offset}-"
            )
            with closing(answer["Body"]) as body:
                yield from body.iter_chunks(CHUNK)

    # ---------------------------------------------------------------------------------- cleaning up

    def abort(self, dataset_id: str, multipart_id: str) -> None:
        """Abort an unfinished upload and delete its parts."""
        with suppress(NotThere), _requests():
            self._s3.abort_multipart_upload(**self._object(dataset_id), UploadId=multipart_id)

    def delete(self, dataset_id: str) -> None:
        with suppress(NotThere), _requests():
            self._s3.delete_object(**self._object(dataset_id))

    def everything(self) -> Iterator[Leftover]:
        """Everything under our prefix, finished or not."""
        here = {"Bucket": self.name, "Prefix": self.prefix}
        with _requests():
            for page in self._s3.get_paginator("list_objects_v2").paginate(**here):
                for item in page.get("Contents", ()):
                    yield Leftover(self._dataset_id(item), item["LastModified"])
            for page in self._s3.get_paginator("list_multipart_uploads").paginate(**here):
                for item in page.get("Uploads", ()):
                    yield Leftover(self._dataset_id(item), item["Initiated"], item["UploadId"])

    def _dataset_id(self, item: dict[str, Any]) -> str:
        return str(item["Key"]).removeprefix(self.prefix)

    def _object(self, dataset_id: str) -> dict[str, str]:
        return {"Bucket": self.name, "Key": self.key(dataset_id)}


def _client(settings: Settings, endpoint: str) -> Any:
    import boto3
    from botocore.config import Config

    # Newer checksums only where the protocol requires them: not every S3-compatible bucket supports
    # them, and a signed URL cannot include one.
    config = Config(
        signature_version="s3v4",
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 2},
    )
    session = boto3.Session(
        aws_access_key_id=settings.upload_access_key.get_secret_value() or None,
        aws_secret_access_key=settings.upload_secret_key.get_secret_value() or None,
    )
    region = settings.upload_region or session.region_name or "us-east-1"
    return session.client("s3", endpoint_url=endpoint or None, region_name=region, config=config)


@contextmanager
def _requests() -> Generator[None]:
    """Turns boto3's errors into NotThere or Unavailable. The reason is only logged."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in ABSENT:
            raise NotThere from error
        log.error("bucket_unavailable", error=str(error))
        raise Unavailable(
            "The upload bucket does not answer. Your upload is kept; try again.",
            type="bucket-unavailable",
            retry_after=RETRY_AFTER_SECONDS,
        ) from error
