"""Sends a file: a large one so that a connection that breaks costs little."""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from service.client.errors import ApiError, NoService
from service.client.packing import Upload
from service.client.transport import Transport
from service.schemas import DatasetRead, UploadRead

CHUNK = 1 << 18
RESUMABLE_BYTES = 8 << 20  # below this, sending again is cheaper than asking how much arrived
BLOCK_TIMEOUT = 600.0  # for one block, on a slow line or a busy disk
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0)  # while nothing more arrives
WAIT_AND_RESUME = (409, 423, 429, 502, 503, 504)
TUS = {"Tus-Resumable": "1.0.0"}

OnBytes = Callable[[int, int], None]


def send(
    transport: Transport,
    upload: Upload,
    *,
    name: str,
    columns: dict[str, Any],
    on_bytes: OnBytes,
) -> DatasetRead:
    """The dataset that the file became. Raises ApiError, NoService."""
    if upload.path.stat().st_size < RESUMABLE_BYTES:
        return _send_at_once(transport, upload, name, columns, on_bytes)
    return _Resumable(transport, upload, name, columns, on_bytes).send()


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
        content=_blocks(upload.path, 0, size, on_bytes),
        headers={"Content-Type": "application/octet-stream", "Content-Length": str(size)},
        timeout=BLOCK_TIMEOUT,
    )
    return DatasetRead.model_validate(response.json())


class _Resumable:
    """One file on its way by tus; what an earlier process began is gone on with."""

    def __init__(
        self,
        transport: Transport,
        upload: Upload,
        name: str,
        columns: dict[str, Any],
        on_bytes: OnBytes,
    ) -> None:
        self.transport, self.path, self.on_bytes = transport, upload.path, on_bytes
        self.size = upload.path.stat().st_size
        with upload.path.open("rb") as file:
            self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        self.about = {"filename": upload.filename, "name": name}
        self.columns = columns

    def send(self) -> DatasetRead:
        upload = self._find_begun()
        location, offset = upload or (self._announce(), 0)
        failures = 0
        while True:
            try:
                dataset_id = self._append(location, offset)
                break
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
        return DatasetRead.model_validate(self.transport.get(f"/v1/datasets/{dataset_id}"))

    def _find_begun(self) -> tuple[str, int] | None:
        for item in self.transport.get("/v1/uploads")["items"]:
            begun = UploadRead.model_validate(item)
            same = (begun.filename, begun.name) == (self.about["filename"], self.about["name"])
            if same and begun.sha256 == self.sha256 and (begun.columns or {}) == self.columns:
                return f"/v1/uploads/{begun.id}", begun.offset
        return None

    def _announce(self) -> str:
        values = {**self.about, "sha256": self.sha256, "columns": json.dumps(self.columns)}
        metadata = ",".join(
            f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items()
        )
        headers = {**TUS, "Upload-Length": str(self.size), "Upload-Metadata": metadata}
        return self.transport.request("POST", "/v1/uploads", headers=headers).headers["location"]

    def _append(self, location: str, offset: int) -> str:
        headers = {**TUS, "Content-Type": "application/offset+octet-stream"}
        headers |= {"Upload-Offset": str(offset), "Content-Length": str(self.size - offset)}
        answer = self.transport.request(
            "PATCH",
            location,
            content=_blocks(self.path, offset, self.size, self.on_bytes),
            headers=headers,
            timeout=BLOCK_TIMEOUT,
        )
        return answer.headers["upload-dataset"]

    def _offset(self, location: str) -> int:
        return UploadRead.model_validate(self.transport.get(location)).offset


def _blocks(path: Path, start: int, size: int, on_bytes: OnBytes) -> Iterator[bytes]:
    sent = start
    with path.open("rb") as file:
        file.seek(start)
        while block := file.read(CHUNK):
            yield block
            sent += len(block)
            on_bytes(sent, size)
