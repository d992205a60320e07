"""Uploads a large file through the service by the tus protocol, resuming after failures."""

import base64
import json
import time
from contextlib import suppress

from labelaudit.client.errors import ApiError, ServiceUnreachableError
from labelaudit.client.retry import DELAYS, RETRYABLE
from labelaudit.client.transport import Transport
from labelaudit.client.upload_source import (
    TRANSFER_TIMEOUT,
    OnBytes,
    UploadSource,
    read_chunks,
)
from labelaudit.schemas import UploadRead

RESUMABLE_STATUS = (409, 423, *RETRYABLE)  # 409: another offset, 423: still being written
TUS = {"Tus-Resumable": "1.0.0"}


class TusUpload:
    """One file on its way to the service."""

    def __init__(self, transport: Transport, source: UploadSource, on_bytes: OnBytes) -> None:
        self.transport, self.source, self.on_bytes = transport, source, on_bytes

    def send(self, resumed: UploadRead | None) -> str:
        """The id of the dataset. Continues an unfinished upload if one is given."""
        location = f"/v1/uploads/{resumed.id}" if resumed else self._create()
        offset = resumed.offset if resumed else 0
        failures = 0
        while True:
            try:
                return self._append(location, offset)
            except (ApiError, ServiceUnreachableError) as error:
                passing = not isinstance(error, ApiError) or error.status in RESUMABLE_STATUS
                if not passing or failures == len(DELAYS):
                    raise
                time.sleep(DELAYS[failures])
            failures += 1
            with suppress(ServiceUnreachableError):  # it is still restarting
                arrived = self._offset(location)
                failures = 0 if arrived > offset else failures
                offset = arrived

    def _create(self) -> str:
        values = {
            "filename": self.source.filename,
            "name": self.source.name,
            "sha256": self.source.sha256,
            "columns": json.dumps(self.source.columns),
        }
        metadata = ",".join(
            f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items()
        )
        headers = {**TUS, "Upload-Length": str(self.source.size), "Upload-Metadata": metadata}
        return self.transport.request("POST", "/v1/uploads", headers=headers).headers["location"]

    def _append(self, location: str, offset: int) -> str:
        path, size = self.source.path, self.source.size
        headers = {**TUS, "Content-Type": "application/offset+octet-stream"}
        headers |= {"Upload-Offset": str(offset), "Content-Length": str(size - offset)}
        answer = self.transport.request(
            "PATCH",
            location,
            content=read_chunks(path, offset, size, lambda sent: self.on_bytes(sent, size)),
            headers=headers,
            timeout=TRANSFER_TIMEOUT,
        )
        return answer.headers["upload-dataset"]

    def _offset(self, location: str) -> int:
        return UploadRead.model_validate(self.transport.get(location)).offset
