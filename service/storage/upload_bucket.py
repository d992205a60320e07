"""The bucket that files may be sent straight to, by the S3 protocol: a bucket, not the storage.

The service signs addresses, clients put the parts of a file there, a worker fetches the whole and
deletes it. boto3 is loaded where a bucket is set up, and nowhere else.
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
PARTS_A_PAGE = 1000
CONNECT_SECONDS, SILENT_SECONDS = 5, 20  # a request that waits holds one of the service's threads
RETRY_AFTER_SECONDS = 10
PAUSES = (0.5, 2.0, 8.0)  # while nothing more of an object arrives


class NotThere(LookupError):
    """The bucket knows no such object or upload, or another one of that name by now."""


@dataclass(frozen=True)
class Part:
    number: int
    bytes: int
    etag: str


@dataclass(frozen=True)
class Found:
    """An object; `etag` tells it from any other that took its place."""

    bytes: int
    etag: str


@dataclass(frozen=True)
class Leftover:
    """An object, or an upload that was not finished, and since when it is there."""

    dataset_id: str
    since: datetime
    multipart_id: str | None = None


class UploadBucket:
    """Whatever it is asked may raise Unavailable: the bucket is away, or refuses its keys."""

    def __init__(self, settings: Settings) -> None:
        self.name, self.prefix = settings.upload_bucket, settings.upload_prefix
        public = settings.upload_public_endpoint or settings.upload_endpoint
        self._s3 = _client(settings, settings.upload_endpoint)
        self._signer = self._s3 if public == settings.upload_endpoint else _client(settings, public)

    @classmethod
    def of(cls, settings: Settings) -> "UploadBucket | None":
        """The one that is set up; None where files come through the service alone."""
        return cls(settings) if settings.upload_bucket else None

    def key(self, dataset_id: str) -> str:
        return f"{self.prefix}{dataset_id}"

    def address(self, dataset_id: str) -> str:
        """For people."""
        return f"s3://{self.name}/{self.key(dataset_id)}"

    @cached_property
    def origin(self) -> str:
        """Where signed addresses lead: scheme, host and port."""
        parts = urlsplit(self.sign("origin", "origin", 1, size=1, seconds=60))
        return f"{parts.scheme}://{parts.netloc}"

    # ------------------------------------------------------------------------------------ sending

    def begin(self, dataset_id: str) -> str:
        """The bucket's id for an upload in parts."""
        with _asking():
            made = self._s3.create_multipart_upload(**self._object(dataset_id))
        return str(made["UploadId"])

    def sign(
        self, dataset_id: str, multipart_id: str, number: int, *, size: int, seconds: int
    ) -> str:
        """An address that takes this part, of exactly this size. The bucket is not asked."""
        part = {"UploadId": multipart_id, "PartNumber": number, "ContentLength": size}
        with _asking():
            signed = self._signer.generate_presigned_url(
                "upload_part", Params={**self._object(dataset_id), **part}, ExpiresIn=seconds
            )
        return str(signed)

    def parts(self, dataset_id: str, multipart_id: str, *, after: int = 0) -> Iterator[Part]:
        """Those that have arrived, in order, from number `after` + 1 on. Raises NotThere."""
        asked = {**self._object(dataset_id), "UploadId": multipart_id, "MaxParts": PARTS_A_PAGE}
        while True:
            with _asking():
                page = self._s3.list_parts(**asked, PartNumberMarker=after)
            for part in page.get("Parts", ()):
                yield Part(int(part["PartNumber"]), int(part["Size"]), str(part["ETag"]))
            if not page.get("IsTruncated"):
                return
            after = int(page["NextPartNumberMarker"])

    def join(self, dataset_id: str, multipart_id: str, parts: Sequence[Part]) -> None:
        """Make the object of its parts. Raises NotThere, also where that was done before."""
        named = [{"PartNumber": part.number, "ETag": part.etag} for part in parts]
        with _asking():
            self._s3.complete_multipart_upload(
                **self._object(dataset_id),
                UploadId=multipart_id,
                MultipartUpload={"Parts": named},
            )

    # ----------------------------------------------------------------------------------- fetching

    def find(self, dataset_id: str) -> Found | None:
        with suppress(NotThere), _asking():
            head = self._s3.head_object(**self._object(dataset_id))
            return Found(int(head["ContentLength"]), str(head["ETag"]))
        with _asking():  # a bucket that is not there at all gives the same answer to HEAD
            self._s3.list_objects_v2(Bucket=self.name, Prefix=self.prefix, MaxKeys=1)
        return None

    def read(self, dataset_id: str, found: Found) -> Iterator[bytes]:
        """The object's bytes. Where a connection breaks, the next goes on. Raises NotThere."""
        offset = failures = 0
        while offset < found.bytes:
            before = offset
            try:
                for chunk in self._read_from(dataset_id, found, offset):
                    offset += len(chunk)
                    yield chunk
            except Unavailable:
                failures = 0 if offset > before else failures + 1
                if failures > len(PAUSES):
                    raise
                time.sleep(PAUSES[max(0, failures - 1)])

    def _read_from(self, dataset_id: str, found: Found, offset: int) -> Iterator[bytes]:
        with _asking():
            answer = self._s3.get_object(
                **self._object(dataset_id), IfMatch=found.etag, Range=f"bytes={offset}-"
            )
            with closing(answer["Body"]) as body:
                yield from body.iter_chunks(CHUNK)

    # ----------------------------------------------------------------------------------- clearing

    def abort(self, dataset_id: str, multipart_id: str) -> None:
        """Drop an upload that was not finished, and the parts that have arrived."""
        with suppress(NotThere), _asking():
            self._s3.abort_multipart_upload(**self._object(dataset_id), UploadId=multipart_id)

    def delete(self, dataset_id: str) -> None:
        with suppress(NotThere), _asking():
            self._s3.delete_object(**self._object(dataset_id))

    def everything(self) -> Iterator[Leftover]:
        """All that lies under our prefix, finished or not."""
        here = {"Bucket": self.name, "Prefix": self.prefix}
        with _asking():
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

    # Checksums of newer kinds are asked for only where the protocol needs them: buckets that are
    # not Amazon's do not all know them, and an address that is signed could not carry one.
    config = Config(
        signature_version="s3v4",
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        connect_timeout=CONNECT_SECONDS,
        read_timeout=SILENT_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 2},
    )
    session = boto3.Session(
        aws_access_key_id=settings.upload_access_key.get_secret_value() or None,
        aws_secret_access_key=settings.upload_secret_key.get_secret_value() or None,
    )
    region = settings.upload_region or session.region_name or "us-east-1"
    return session.client("s3", endpoint_url=endpoint or None, region_name=region, config=config)


@contextmanager
def _asking() -> Generator[None]:
    """What boto3 raises, as NotThere or Unavailable. The log has the reason; callers need not."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in ABSENT:
            raise NotThere from error
        log.error("bucket_unavailable", error=str(error))
        raise Unavailable(
            "The bucket that files are sent to does not answer as it should. What has arrived is "
            "kept; try again.",
            type="bucket-unavailable",
            retry_after=RETRY_AFTER_SECONDS,
        ) from error
