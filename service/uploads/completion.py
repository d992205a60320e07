"""Completes an upload: checks the hash, moves the file into place, creates the dataset."""

from typing import Any

from sqlalchemy.orm import Session

from service.core.config import Settings
from service.core.errors import BadInput, NotFound
from service.core.principal import Principal
from service.datasets import records as datasets
from service.db.engine import Database, advisory_lock
from service.db.tables import Dataset, Upload, now
from service.storage.local import Received, Storage
from service.uploads.reservation import require_quota
from service.uploads.tus import discard, part_key


def complete(
    database: Database, storage: Storage, upload: Upload, *, principal: Principal
) -> dict[str, Any] | None:
    """Create the dataset of a fully received upload; returns None, or the problem that rejected it.

    Safe to retry after a crash at any point, and to call from two requests at once.
    """
    received = _measure(storage, upload)
    problem = _check_hash(upload, received)
    if problem is None:
        storage.move(part_key(upload.id), datasets.upload_key(upload.dataset_id))
    with database.write() as session:
        advisory_lock(session, upload.id)
        known = session.get_one(Upload, upload.id)
        if known.completed_at is None and known.problem is None:
            if problem is None:
                create(session, known, received, principal=principal)
            known.problem = problem
        problem = known.problem
    if problem is not None:
        discard(storage, upload)
    return problem


def register(
    session: Session,
    settings: Settings,
    upload_id: str,
    received: Received,
    *,
    principal: Principal,
) -> Dataset:
    """Create the dataset of a body sent in one request. Raises UploadTooLarge, BadInput."""
    known = session.get_one(Upload, upload_id)
    problem = _check_hash(known, received)
    if problem is not None:
        raise BadInput(problem["detail"], type="checksum-mismatch")
    if known.length is None:
        advisory_lock(session, "uploads")
        require_quota(session, settings, received.bytes, excluding=upload_id)
    return create(session, known, received, principal=principal)


def create(
    session: Session,
    upload: Upload,
    received: Received,
    *,
    principal: Principal,
    in_bucket: bool = False,
) -> Dataset:
    """Create the dataset of an upload whose bytes are in the storage or in the bucket."""
    upload.completed_at = now()
    return datasets.create_dataset(
        session,
        dataset_id=upload.dataset_id,
        name=upload.name,
        filename=upload.filename,
        received=received,
        columns=upload.columns,
        principal=principal,
        in_bucket=in_bucket,
    )


def _measure(storage: Storage, upload: Upload) -> Received:
    for key in (part_key(upload.id), datasets.upload_key(upload.dataset_id)):
        if (received := storage.measure(key)) is not None:
            return received
    raise NotFound(f"The bytes of the upload {upload.id!r} no longer exist. Send the file again.")


def _check_hash(upload: Upload, received: Received) -> dict[str, Any] | None:
    if upload.sha256 is None or upload.sha256 == received.sha256:
        return None
    return BadInput(
        f"The received bytes hash to {received.sha256}, not to {upload.sha256}. They were damaged "
        "in transit, or the file changed during the upload. Nothing was kept; send it again.",
        type="checksum-mismatch",
    ).problem()
