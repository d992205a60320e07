"""Uploads a large file directly to the service's bucket, several parts in parallel."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from labelaudit.client.errors import BucketUnreachableError
from labelaudit.client.retry import DELAYS, with_retries
from labelaudit.client.transport import Transport
from labelaudit.client.upload_source import (
    TRANSFER_TIMEOUT,
    OnBytes,
    UploadSource,
    read_chunks,
)
from labelaudit.schemas import PartPage, PartRead, UploadRead

PARALLEL_PARTS = 4
URLS_PER_REQUEST = 20  # each signed URL is valid for an hour
ATTEMPTS = 5


class MultipartUpload:
    """One file on its way to the bucket."""

    def __init__(self, transport: Transport, source: UploadSource, on_bytes: OnBytes) -> None:
        self.transport, self.source, self.on_bytes = transport, source, on_bytes
        self.parts_sent = 0
        self._bytes_sent: dict[int, int] = {}  # part number -> bytes
        self._lock = threading.Lock()

    def create(self) -> UploadRead:
        body = {
            "transfer": "multipart",
            "length": self.source.size,
            "filename": self.source.filename,
            "name": self.source.name,
            "sha256": self.source.sha256,
            "columns": self.source.columns,
        }
        answer = self.transport.request("POST", "/v1/uploads", json=body)
        return UploadRead.model_validate(answer.json())

    def send(self, upload: UploadRead) -> str:
        """The id of the dataset. Raises BucketUnreachableError, ApiError,
        ServiceUnreachableError."""
        path = f"/v1/uploads/{upload.id}"
        # a client of its own: the service's key must not be sent to the bucket
        with httpx.Client(timeout=httpx.Timeout(TRANSFER_TIMEOUT, connect=5.0)) as bucket:

            def send_part(part: PartRead) -> None:
                self._send_part(bucket, path, upload.part_bytes or 0, part)

            for first in range(1, (upload.part_count or 0) + 1, URLS_PER_REQUEST):
                with ThreadPoolExecutor(PARALLEL_PARTS) as pool:
                    for _ in pool.map(send_part, self._sign(path, first, URLS_PER_REQUEST)):
                        pass
        completed = with_retries(
            lambda: self.transport.request("POST", f"{path}/complete", timeout=TRANSFER_TIMEOUT)
        )
        return str(UploadRead.model_validate(completed.json()).dataset_id)

    def abort(self, upload: UploadRead) -> None:
        self.transport.request("DELETE", f"/v1/uploads/{upload.id}")

    def _sign(self, path: str, first: int, count: int) -> list[PartRead]:
        answer = with_retries(lambda: self.transport.get(f"{path}/parts", first=first, limit=count))
        return PartPage.model_validate(answer).items

    def _send_part(self, bucket: httpx.Client, path: str, part_bytes: int, part: PartRead) -> None:
        start = (part.number - 1) * part_bytes
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(DELAYS[attempt - 1])
                [part] = self._sign(path, part.number, 1)  # the URL may have expired
            if part.arrived or (refusal := self._put(bucket, part, start)) is None:
                self.parts_sent += 1
                self._report(part.number, part.bytes)
                return
        raise BucketUnreachableError(
            f"The upload bucket at {httpx.URL(part.url).host} does not accept the file: {refusal}. "
            "Upload through the service instead (`--through-service`, or `direct=False` in Python)."
        )

    def _put(self, bucket: httpx.Client, part: PartRead, start: int) -> str | None:
        """None on success, else the reason for the failure."""
        content = read_chunks(
            self.source.path,
            start,
            start + part.bytes,
            lambda sent: self._report(part.number, sent - start),
        )
        headers = {"Content-Length": str(part.bytes)}
        try:
            answer = bucket.put(part.url, content=content, headers=headers)
        except httpx.TransportError as error:
            return f"{type(error).__name__}: {error}"
        return None if answer.is_success else f"{answer.status_code} {answer.text[:300]}"

    def _report(self, number: int, sent: int) -> None:
        with self._lock:
            self._bytes_sent[number] = sent
            self.on_bytes(sum(self._bytes_sent.values()), self.source.size)
