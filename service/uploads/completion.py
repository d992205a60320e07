"""The last byte is there: check the hash, make the file the dataset's, register it."""

from typing import Any

from sqlalchemy.orm import Session

from service.core.config import Settings
from service.core.errors import BadInput, NotFound
from service.core.principal import Principal
from service.datasets import records as datasets
from service.db.engine import Database, advisory_lock
from service.db.tables import Dataset, Upload, now
from service.storage.local import Received, Storage
from service.uploads.reservation import require_room
from service.uploads.tus import discard, part_key


def complete(
    database: Database, storage: Storage, upload: Upload, *, principal: Principal
) -> dict[str, Any] | None:
    """Make a dataset of an upload whose every byte has arrived; None, or why it was refused.

    Safe to call again after a crash at any point, and from two requests at once.
    """
    received = _measure(storage, upload)
    problem = _find_fault(upload, received)
    if problem is None:
        _place(storage, upload)
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
    upload: Upload,
    received: Received,
    *,
    principal: Principal,
) -> Dataset:
    """The dataset of a body that came in one request. Raises UploadTooLarge, BadInput."""
    fault = _find_fault(upload, received)
    if fault is not None:
        raise BadInput(fault["detail"], type="checksum-mismatch")
    known = session.get_one(Upload, upload.id)
    if known.length is None:
        advisory_lock(session, "uploads")
        require_room(session, settings, received.bytes, besides=upload.id)
    return create(session, known, received, principal=principal)


def create(
    session: Session,
    upload: Upload,
    received: Received,
    *,
    principal: Principal,
    in_bucket: bool = False,
) -> Dataset:
    """The dataset of an upload whose bytes are here, or in the bucket."""
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
    raise NotFound(f"The bytes of the upload {upload.id!r} are gone. Send the file again.")


def _find_fault(upload: Upload, received: Received) -> dict[str, Any] | None:
    if upload.sha256 is None or upload.sha256 == received.sha256:
        return None
    return BadInput(
        f"The bytes that arrived hash to {received.sha256}, not to {upload.sha256}. They were "
        "damaged on the way, or the file changed meanwhile; nothing is kept. Send it again.",
        type="checksum-mismatch",
    ).problem()


def _place(storage: Storage, upload: Upload) -> None:
    """Rename the part to the dataset's file, unless an earlier attempt has."""
    part = storage.path(part_key(upload.id))
    with storage.placing(datasets.upload_key(upload.dataset_id)) as target:
        if part.exists():
            part.replace(target)
