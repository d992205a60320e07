"""Reservations: quotas are checked and space is reserved before the first byte is sent."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from labelaudit.enums import JobStatus
from service.core.config import Settings
from service.core.errors import (
    Conflict,
    Gone,
    NotFound,
    NotPermitted,
    TooManyRequests,
    UploadTooLarge,
)
from service.core.principal import Principal
from service.db.engine import advisory_lock
from service.db.tables import (
    Dataset,
    Upload,
    new_id,
    now,
)


def reserve(
    session: Session,
    settings: Settings,
    *,
    filename: str,
    name: str | None,
    columns: dict[str, Any] | None,
    length: int | None,
    sha256: str | None,
    principal: Principal,
    part_bytes: int | None = None,
) -> Upload:
    """Reserve space for an upload of `length` bytes, or of unknown length. A multipart upload has
    parts of `part_bytes`.

    Raises
    ------
    UploadTooLarge, TooManyRequests
        Larger than one file may be, or than what is left of the quota; too many open uploads.
    NotPermitted
        The caller's key is for one dataset.
    """
    if principal.dataset_id is not None:
        raise NotPermitted(f"Your key is for the dataset {principal.dataset_id!r} alone.")
    if length is not None and length > settings.max_upload_bytes:
        raise UploadTooLarge(
            f"The upload has {length} bytes; the limit is {settings.max_upload_bytes}."
        )
    advisory_lock(session, "uploads")
    _require_open_slot(session, settings, principal)
    require_quota(session, settings, length or 0)
    upload = Upload(
        id=new_id("up"),
        tenant_id=principal.tenant_id,
        dataset_id=new_id("ds"),
        key_id=principal.key_id,
        name=name or filename,
        filename=filename,
        columns=columns,
        length=length,
        sha256=sha256,
        part_bytes=part_bytes,
        created_by=principal,
        expires_at=now() + timedelta(hours=settings.upload_hours),
    )
    session.add(upload)
    return upload


def describe(
    session: Session,
    upload_id: str,
    *,
    filename: str,
    name: str | None,
    columns: dict[str, Any] | None,
    sha256: str | None,
) -> None:
    """Say again of an upload what `reserve` said, with what the caller has added since."""
    upload = session.get_one(Upload, upload_id)
    upload.filename, upload.name = filename, name or filename
    upload.columns, upload.sha256 = columns, sha256


def require_quota(
    session: Session, settings: Settings, length: int, *, excluding: str | None = None
) -> None:
    """Raises UploadTooLarge unless `length` more bytes and one more dataset fit the quotas.

    `excluding` is an upload that is not counted, because `length` is its own.
    """
    stored, count = _total(session, Dataset.bytes, Dataset.status != JobStatus.failed)
    reserved, open_count = _total(
        session, Upload.length, _open() & (Upload.id != (excluding or ""))
    )
    if settings.quota_bytes and stored + reserved + length > settings.quota_bytes:
        left = max(0, settings.quota_bytes - stored - reserved)
        raise UploadTooLarge(
            f"The file has {length} bytes, but only {left} of your organisation's "
            f"{settings.quota_bytes} bytes of storage are left: datasets use {stored}, and "
            f"unfinished uploads {reserved}. Delete datasets that you no longer need, or ask the "
            "operator for more storage.",
            type="quota-exceeded",
        )
    if settings.quota_datasets and count + open_count >= settings.quota_datasets:
        raise UploadTooLarge(
            f"Your organisation's limit of datasets, {settings.quota_datasets}, is reached: it has "
            f"{count}, and {open_count} unfinished uploads. Delete a dataset or cancel an upload, "
            "or ask the operator for a higher limit.",
            type="quota-exceeded",
        )


def _total(session: Session, column: Any, where: Any) -> tuple[int, int]:
    total, count = session.execute(select(func.sum(column), func.count()).where(where)).one()
    return int(total or 0), int(count)


def _require_open_slot(session: Session, settings: Settings, principal: Principal) -> None:
    busy = session.scalar(select(func.count()).where(_open(), Upload.key_id == principal.key_id))
    if (busy or 0) >= settings.open_uploads:
        raise TooManyRequests(
            f"You have {busy} open uploads; the limit is {settings.open_uploads}. Finish or delete "
            "one of them.",
            retry_after=10,
        )


def _open() -> Any:
    return Upload.completed_at.is_(None) & Upload.problem.is_(None) & (Upload.expires_at > now())


def get_upload(session: Session, upload_id: str, *, principal: Principal) -> Upload:
    """The caller's own upload. Raises NotFound, also for other people's and expired ones."""
    upload = _own(session, upload_id, principal)
    if upload.expires_at < now():
        raise _not_found(upload_id)
    return upload


def get_multipart_upload(session: Session, upload_id: str, *, principal: Principal) -> Upload:
    """The caller's own multipart upload. Raises NotFound, Conflict, Gone."""
    upload = _own(session, upload_id, principal)
    if upload.part_bytes is None:
        raise Conflict(
            "Send the bytes of this upload to the service, by tus.", type="upload-not-multipart"
        )
    if upload.expires_at < now():
        raise Gone(
            "The upload has expired, and its parts are deleted. Start a new one.",
            type="upload-expired",
        )
    return upload


def _own(session: Session, upload_id: str, principal: Principal) -> Upload:
    upload = session.get(Upload, upload_id)
    if upload is None or upload.key_id != principal.key_id:
        raise _not_found(upload_id)
    return upload


def _not_found(upload_id: str) -> NotFound:
    return NotFound(f"There is no upload {upload_id!r}; it may have expired. Start a new one.")


def list_open(session: Session, *, principal: Principal) -> Sequence[Upload]:
    """The caller's open uploads, oldest first, without those of unknown length."""
    query = select(Upload).where(
        _open(), Upload.key_id == principal.key_id, Upload.length.is_not(None)
    )
    return session.scalars(query.order_by(Upload.id)).all()


def release(session: Session, upload_id: str) -> bool:
    """Release the reserved space; False if the upload is a dataset now, which keeps its bytes."""
    upload = session.get(Upload, upload_id, with_for_update=True)
    if upload is None:
        return True
    session.delete(upload)
    return upload.completed_at is None
