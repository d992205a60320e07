"""Uploads a file: small ones in one request, large ones resumably."""

from typing import Any

from labelaudit.client.errors import BucketUnreachableError
from labelaudit.client.multipart_upload import MultipartUpload
from labelaudit.client.packing import PackedFile
from labelaudit.client.paths import dataset_path
from labelaudit.client.transport import Transport
from labelaudit.client.tus_upload import TusUpload
from labelaudit.client.upload_source import (
    TRANSFER_TIMEOUT,
    OnBytes,
    UploadSource,
    read_chunks,
)
from labelaudit.schemas import DatasetRead, UploadRead

RESUMABLE_BYTES = 8 << 20  # below this, sending again is cheaper than asking how much arrived


def upload_file(
    transport: Transport,
    file: PackedFile,
    *,
    name: str,
    columns: dict[str, Any],
    on_bytes: OnBytes,
    direct: bool | None = None,
) -> DatasetRead:
    """Upload a file and return its dataset.

    `direct` says whether a large file must (True), must not (False) or may (None) go to the
    service's upload bucket. Raises ApiError, ServiceUnreachableError, BucketUnreachableError.
    """
    if file.path.stat().st_size < RESUMABLE_BYTES:
        return _upload_at_once(transport, file, name, columns, on_bytes)
    source = UploadSource.of(file, name, columns)
    dataset_id = _upload_resumably(transport, source, on_bytes, direct)
    return DatasetRead.model_validate(transport.get(dataset_path(dataset_id)))


def _upload_at_once(
    transport: Transport,
    file: PackedFile,
    name: str,
    columns: dict[str, Any],
    on_bytes: OnBytes,
) -> DatasetRead:
    size = file.path.stat().st_size
    roles = {
        "feature_column" if role == "features" else f"{role}_column": column
        for role, column in columns.items()
    }
    response = transport.request(
        "POST",
        "/v1/datasets",
        params={"filename": file.filename, "name": name, **roles},
        content=read_chunks(file.path, 0, size, lambda sent: on_bytes(sent, size)),
        headers={"Content-Type": "application/octet-stream", "Content-Length": str(size)},
        timeout=TRANSFER_TIMEOUT,
    )
    return DatasetRead.model_validate(response.json())


def _upload_resumably(
    transport: Transport, source: UploadSource, on_bytes: OnBytes, direct: bool | None
) -> str:
    """The id of the dataset. An unfinished upload of the same file is resumed."""
    listed = transport.get("/v1/uploads")
    unfinished = [
        upload
        for upload in map(UploadRead.model_validate, listed["items"])
        if source.matches(upload)
    ]
    if direct or (direct is None and listed.get("multipart")):
        multipart = MultipartUpload(transport, source, on_bytes)
        resumed = next((upload for upload in unfinished if upload.part_bytes), None)
        upload = resumed or multipart.create()
        try:
            return multipart.send(upload)
        except BucketUnreachableError:
            if direct or multipart.parts_sent:
                raise
            multipart.abort(upload)  # the service reaches a bucket that this machine does not
    resumed = next((upload for upload in unfinished if not upload.part_bytes), None)
    return TusUpload(transport, source, on_bytes).send(resumed)
