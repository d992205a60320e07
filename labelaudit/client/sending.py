"""Sends a file: a large one so that a connection that breaks costs little."""

import base64
import json
import time
from contextlib import suppress
from typing import Any

from labelaudit.client.errors import ApiError, NoBucket, NoService
from labelaudit.client.large import (
    BLOCK_TIMEOUT,
    PAUSES,
    LargeFile,
    OnBytes,
    blocks,
)
from labelaudit.client.multipart import MultipartUpload
from labelaudit.client.packing import Upload
from labelaudit.client.transport import Transport
from labelaudit.schemas import DatasetRead, UploadRead

RESUMABLE_BYTES = 8 << 20  # below this, sending again is cheaper than asking how much arrived
WAIT_AND_RESUME = (409, 423, 429, 502, 503, 504)
TUS = {"Tus-Resumable": "1.0.0"}


def send(
    transport: Transport,
    upload: Upload,
    *,
    name: str,
    columns: dict[str, Any],
    on_bytes: OnBytes,
    direct: bool | None = None,
) -> DatasetRead:
    """The dataset that the file became. A large one goes to the service's bucket: None means if it
    has one. Raises ApiError, NoService, NoBucket."""
    if upload.path.stat().st_size < RESUMABLE_BYTES:
        return _send_at_once(transport, upload, name, columns, on_bytes)
    file = LargeFile.of(upload, name, columns)
    dataset_id = _send_large(transport, file, on_bytes, direct)
    return DatasetRead.model_validate(transport.get(f"/v1/datasets/{dataset_id}"))


def _send_large(
    transport: Transport, file: LargeFile, on_bytes: OnBytes, direct: bool | None
) -> str:
    listed = transport.get("/v1/uploads")
    open_uploads = map(UploadRead.model_validate, listed["items"])
    begun = [upload for upload in open_uploads if file.is_begun_as(upload)]
    if direct or (direct is None and listed.get("multipart")):
        going = MultipartUpload(transport, file, on_bytes)
        upload = next((one for one in begun if one.part_bytes), None) or going.announce()
        try:
            return going.send(upload)
        except NoBucket:
            if direct or going.arrived:
                raise
            going.give_up(upload)  # the service reaches a bucket that this machine does not
    by_tus = next((one for one in begun if not one.part_bytes), None)
    return _Resumable(transport, file, on_bytes).send(by_tus)


def _send_at_once(
    transport: Transport,
    upload: Upload,
    name: str,
    columns: dict[str, Any],
    on_bytes: OnBytes,
) -> DatasetRead:
    size = upload.path.stat().st_size
    roles = {
        "feature_column" if role == "features" else f"{role}_column": column
        for role, column in columns.items()
    }
    response = transport.request(
        "POST",
        "/v1/datasets",
        params={"filename": upload.filename, "name": name, **roles},
        content=blocks(upload.path, 0, size, lambda sent: on_bytes(sent, size)),
        headers={"Content-Type": "application/octet-stream", "Content-Length": str(size)},
        timeout=BLOCK_TIMEOUT,
    )
    return DatasetRead.model_validate(response.json())


class _Resumable:
    """One file on its way by tus; what an earlier process began is gone on with."""

    def __init__(self, transport: Transport, file: LargeFile, on_bytes: OnBytes) -> None:
        self.transport, self.file, self.on_bytes = transport, file, on_bytes

    def send(self, begun: UploadRead | None) -> str:
        location = f"/v1/uploads/{begun.id}" if begun else self._announce()
        offset = begun.offset if begun else 0
        failures = 0
        while True:
            try:
                return self._append(location, offset)
            except (ApiError, NoService) as error:
                passing = isinstance(error, NoService) or error.status in WAIT_AND_RESUME
                if not passing or failures == len(PAUSES):
                    raise
                time.sleep(PAUSES[failures])
            failures += 1
            with suppress(NoService):  # it is still being started again
                arrived = self._offset(location)
                failures = 0 if arrived > offset else failures
                offset = arrived

    def _announce(self) -> str:
        values = {
            "filename": self.file.filename,
            "name": self.file.name,
            "sha256": self.file.sha256,
            "columns": json.dumps(self.file.columns),
        }
        metadata = ",".join(
            f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items()
        )
        headers = {**TUS, "Upload-Length": str(self.file.size), "Upload-Metadata": metadata}
        return self.transport.request("POST", "/v1/uploads", headers=headers).headers["location"]

    def _append(self, location: str, offset: int) -> str:
        size = self.file.size
        headers = {**TUS, "Content-Type": "application/offset+octet-stream"}
        headers |= {"Upload-Offset": str(offset), "Content-Length": str(size - offset)}
        answer = self.transport.request(
            "PATCH",
            location,
            content=blocks(self.file.path, offset, size, lambda sent: self.on_bytes(sent, size)),
            headers=headers,
            timeout=BLOCK_TIMEOUT,
        )
        return answer.headers["upload-dataset"]

    def _offset(self, location: str) -> int:
        return UploadRead.model_validate(self.transport.get(location)).offset
