"""Sends a large file straight to the service's bucket, several parts at a time."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from labelaudit.client.errors import NoBucket
from labelaudit.client.large import (
    BLOCK_TIMEOUT,
    PAUSES,
    LargeFile,
    OnBytes,
    blocks,
    patiently,
)
from labelaudit.client.transport import Transport
from labelaudit.schemas import PartList, PartRead, UploadRead

LINES = 4  # parts on their way at once
SIGNED = 20  # parts whose addresses are asked for at once; each is good for an hour
TRIES = 5


class MultipartUpload:
    """One file on its way; what an earlier process began is gone on with."""

    def __init__(self, transport: Transport, file: LargeFile, on_bytes: OnBytes) -> None:
        self.transport, self.file, self.on_bytes = transport, file, on_bytes
        self._sent: dict[int, int] = {}  # part -> its bytes that are on their way or there
        self._lock = threading.Lock()
        self.arrived = 0  # parts

    def announce(self) -> UploadRead:
        asked = {
            "length": self.file.size,
            "filename": self.file.filename,
            "name": self.file.name,
            "sha256": self.file.sha256,
            "columns": self.file.columns,
        }
        answer = self.transport.request("POST", "/v1/multipart-uploads", json=asked)
        return UploadRead.model_validate(answer.json())

    def send(self, upload: UploadRead) -> str:
        """The id of the dataset that the file became. Raises NoBucket, ApiError, NoService."""
        path = f"/v1/uploads/{upload.id}"
        # the bucket's own client: the key of the service is not the bucket's business
        with httpx.Client(timeout=httpx.Timeout(BLOCK_TIMEOUT, connect=5.0)) as bucket:

            def send_part(part: PartRead) -> None:
                self._send_part(bucket, path, upload.part_bytes or 0, part)

            for first in range(1, (upload.part_count or 0) + 1, SIGNED):
                with ThreadPoolExecutor(LINES) as lines:
                    for _ in lines.map(send_part, self._sign(path, first, SIGNED)):
                        pass
        done = patiently(
            lambda: self.transport.request("POST", f"{path}/complete", timeout=BLOCK_TIMEOUT)
        )
        return str(UploadRead.model_validate(done.json()).dataset_id)

    def give_up(self, upload: UploadRead) -> None:
        self.transport.request("DELETE", f"/v1/uploads/{upload.id}")

    def _sign(self, path: str, first: int, count: int) -> list[PartRead]:
        answer = patiently(lambda: self.transport.get(f"{path}/parts", first=first, count=count))
        return PartList.model_validate(answer).items

    def _send_part(self, bucket: httpx.Client, path: str, part_bytes: int, part: PartRead) -> None:
        start = (part.number - 1) * part_bytes
        for attempt in range(TRIES):
            if attempt:
                time.sleep(PAUSES[attempt - 1])
                [part] = self._sign(path, part.number, 1)  # the address may have expired
            if part.arrived or (refusal := self._put(bucket, part, start)) is None:
                self.arrived += 1
                self._tell(part.number, part.bytes)
                return
        raise NoBucket(
            f"The bucket at {httpx.URL(part.url).host} does not take the file: {refusal}. Send it "
            "through the service instead (`--through-service`, or `direct=False` in Python)."
        )

    def _put(self, bucket: httpx.Client, part: PartRead, start: int) -> str | None:
        """None, or what was in the way."""
        content = blocks(
            self.file.path,
            start,
            start + part.bytes,
            lambda sent: self._tell(part.number, sent - start),
        )
        headers = {"Content-Length": str(part.bytes)}
        try:
            answer = bucket.put(part.url, content=content, headers=headers)
        except httpx.TransportError as error:
            return f"{type(error).__name__}: {error}"
        return None if answer.is_success else f"{answer.status_code} {answer.text[:300]}"

    def _tell(self, number: int, sent: int) -> None:
        with self._lock:
            self._sent[number] = sent
            self.on_bytes(sum(self._sent.values()), self.file.size)
