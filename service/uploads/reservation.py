"""Room for an upload: quotas are checked, and held, before a byte is sent."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from labelaudit.enums import DatasetStatus
from service.core.config import Settings
from service.core.errors import (
    Conflict,
    Gone,
    NotFound,
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
    """Hold room for an upload of `length` bytes, or of a length not yet known; for a direct one, of
    parts of `part_bytes`.

    Raises
    ------
    UploadTooLarge, TooManyRequests
        More than one file may have, or than is left of the quota; too many uploads are open.
    """
    if length is not None and length > settings.max_upload_bytes:
        raise UploadTooLarge(
            f"The upload has {length} bytes; the limit is {settings.max_upload_bytes}."
        )
    advisory_lock(session, "uploads")
    _require_slot(session, settings, principal)
    require_room(session, settings, length or 0)
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
        created_by=principal.name,
        expires_at=now() + timedelta(hours=settings.upload_hours),
    )
    session.add(upload)
    return upload


def require_room(
    session: Session, settings: Settings, length: int, *, besides: str | None = None
) -> None:
    """Raises UploadTooLarge unless `length` bytes more, and one dataset more, are allowed.

    `besides` is an upload that is counted in `length` already.
    """
    stored, count = _total(session, Dataset.bytes, Dataset.status != DatasetStatus.rejected)
    coming, under_way = _total(session, Upload.length, _open() & (Upload.id != (besides or "")))
    if settings.quota_bytes and stored + coming + length > settings.quota_bytes:
        left = max(0, settings.quota_bytes - stored - coming)
        raise UploadTooLarge(
            f"{left} bytes are left of the quota of {settings.quota_bytes}. Delete datasets that "
            "are no longer needed, or ask the operator for more.",
            type="quota-exceeded",
        )
    if settings.quota_datasets and count + under_way >= settings.quota_datasets:
        raise UploadTooLarge(
            f"There are {count} datasets, and {settings.quota_datasets} may be. Delete one first.",
            type="quota-exceeded",
        )


def _total(session: Session, column: Any, where: Any) -> tuple[int, int]:
    total, count = session.execute(select(func.sum(column), func.count()).where(where)).one()
    return int(total or 0), int(count)


def _require_slot(session: Session, settings: Settings, principal: Principal) -> None:
    busy = session.scalar(select(func.count()).where(_open(), Upload.key_id == principal.key_id))
    if (busy or 0) >= settings.open_uploads:
        raise TooManyRequests(
            f"{busy} of your uploads are under way, and {settings.open_uploads} may be. Finish or "
            "delete one of them.",
            retry_after=10,
        )


def _open() -> Any:
    return Upload.completed_at.is_(None) & Upload.problem.is_(None) & (Upload.expires_at > now())


def get_upload(session: Session, upload_id: str, *, principal: Principal) -> Upload:
    """An upload of the caller's own; anybody else's is not found."""
    upload = session.get(Upload, upload_id)
    if upload is None or upload.key_id != principal.key_id or upload.expires_at < now():
        raise NotFound(f"There is no upload {upload_id!r}; it may have expired. Start a new one.")
    return upload


def get_direct(session: Session, upload_id: str, *, principal: Principal) -> Upload:
    """A direct upload of the caller's own. Raises NotFound, Conflict, Gone."""
    upload = session.get(Upload, upload_id)
    if upload is None or upload.key_id != principal.key_id:
        raise NotFound(f"There is no upload {upload_id!r}. Start a new one.")
    if upload.part_bytes is None:
        raise Conflict(
            "The bytes of this upload go to the service, by tus.", type="upload-not-direct"
        )
    if upload.expires_at < now():
        raise Gone(
            "The upload has expired, and its parts are deleted. Start a new one.",
            type="upload-expired",
        )
    return upload


def list_open(session: Session, *, principal: Principal) -> Sequence[Upload]:
    """The caller's announced uploads that are under way, oldest first."""
    query = select(Upload).where(
        _open(), Upload.key_id == principal.key_id, Upload.length.is_not(None)
    )
    return session.scalars(query.order_by(Upload.id)).all()


def release(session: Session, upload_id: str) -> bool:
    """Give the room back; False if the upload has become a dataset, whose bytes are now its own."""
    upload = session.get(Upload, upload_id, with_for_update=True)
    if upload is None:
        return True
    session.delete(upload)
    return upload.completed_at is None
