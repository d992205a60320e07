"""The bytes of a multipart upload: from the bucket into the storage, hashed on the way."""

import hashlib
from collections.abc import Callable

import structlog

from service.core.disk_full import is_disk_full
from service.core.errors import (
    BadInput,
    Gone,
    InsufficientStorage,
    Unavailable,
)
from service.datasets import records as datasets
from service.db.tables import Dataset
from service.storage.local import Received, Storage
from service.storage.upload_bucket import NotThere, UploadBucket
from worker.runtime.context import Deferred, Worker

log = structlog.get_logger()

CHECKED_BYTES = 64 << 20  # between checks of the free space


def fetch(worker: Worker, dataset: Dataset, on_progress: Callable[[float], None]) -> None:
    """Copy an upload from the bucket into the storage, and delete it in the bucket.

    A killed attempt starts over; a file appears only once it is complete.

    Raises
    ------
    BadInput, Gone
        The file is not what was declared; it is no longer in the bucket.
    Deferred
        The bucket is unavailable, or the disk is nearly full: the file stays in the bucket.
    """
    bucket = _open(worker)
    key = datasets.upload_key(dataset.id)
    try:
        received = worker.storage.measure(key) or _copy(
            bucket, worker.storage, dataset, on_progress
        )
    except BadInput:
        _delete(bucket, dataset)
        raise
    with worker.database.write() as session:
        datasets.mark_fetched(session, dataset.id, received)
    _delete(bucket, dataset)


def _open(worker: Worker) -> UploadBucket:
    """A misconfigured worker must not cost anybody their file."""
    try:
        bucket = worker.backends.upload_bucket
    except Exception as error:
        raise Deferred(f"the bucket cannot be opened: {error}") from error
    if bucket is None:
        raise Deferred("this worker's settings name no bucket")
    return bucket


def _copy(
    bucket: UploadBucket, storage: Storage, dataset: Dataset, on_progress: Callable[[float], None]
) -> Received:
    try:
        return _stream(bucket, storage, dataset, on_progress)
    except NotThere:
        raise Gone(
            "The file is no longer in the bucket. Upload it again.", type="upload-vanished"
        ) from None
    except (Unavailable, InsufficientStorage) as error:
        raise Deferred(error.detail) from error
    except OSError as error:
        if not is_disk_full(error):
            raise
        raise Deferred(str(error)) from error


def _stream(
    bucket: UploadBucket, storage: Storage, dataset: Dataset, on_progress: Callable[[float], None]
) -> Received:
    found = bucket.find(dataset.id)
    if found is None or found.bytes != dataset.bytes:
        raise NotThere
    digest, size, checked = hashlib.sha256(), 0, 0
    storage.clear_attempts(datasets.upload_key(dataset.id))
    storage.require_space(found.bytes)
    with storage.writing(datasets.upload_key(dataset.id)) as temporary:
        with temporary.open("wb") as file:
            for chunk in bucket.read(dataset.id, found):
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                on_progress(size / found.bytes)
                if size - checked >= CHECKED_BYTES:
                    storage.require_space()
                    checked = size
        _require_hash(dataset, digest.hexdigest())
    return Received(size, digest.hexdigest())


def _delete(bucket: UploadBucket, dataset: Dataset) -> None:
    try:
        bucket.delete(dataset.id)
    except Unavailable:
        log.info("object_left_to_the_janitor", dataset=dataset.id)


def _require_hash(dataset: Dataset, sha256: str) -> None:
    if dataset.sha256 and dataset.sha256 != sha256:
        raise BadInput(
            f"The bytes that arrived hash to {sha256}, not to {dataset.sha256}. They were damaged "
            "on the way, or the file changed meanwhile; nothing is kept. Send it again.",
            type="checksum-mismatch",
        )
