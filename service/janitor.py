"""Clears away what nothing names any more: expired uploads, refused files, what killed steps left.

Runs every now and then in the service, and by `labelaudit clean`. One at a time: a lock that ends
with its process keeps others out. Only what has been untouched for long is looked at, so nothing
that is being written is ever deleted.
"""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from service import datasets, uploads
from service.database import Database
from service.models import Dataset, DatasetStatus, Upload, now
from service.storage import Storage
from service.verify.files import leftovers

SETTLED_SECONDS = 3600.0
GRACE = timedelta(hours=1)  # between the moment something may no longer be used and its deletion


def tidy(
    database: Database,
    storage: Storage,
    *,
    dry_run: bool = False,
    settled_seconds: float = SETTLED_SECONDS,
) -> list[str] | None:
    """Delete what is left over; the storage keys that were (or would be) deleted, or None if
    somebody else is at it."""
    with database.alone("janitor") as alone:
        if not alone:
            return None
        with database.read() as session:
            keys = [*_expired_uploads(session), *_refused_files(session, storage)]
            keys += leftovers(session, storage, settled_seconds=settled_seconds)
        if not dry_run:
            with database.write() as session:
                for upload in session.scalars(select(Upload).where(_expired())):
                    session.delete(upload)
            for key in keys:
                storage.delete(key)
    return sorted(set(keys))


def _expired() -> ColumnElement[bool]:
    return Upload.expires_at < now() - GRACE


def _expired_uploads(session: Session) -> Iterator[str]:
    for upload in session.scalars(select(Upload).where(_expired())):
        if upload.completed_at is None and upload.problem is None:
            yield uploads.part_key(upload.id)


def _refused_files(session: Session, storage: Storage) -> Iterator[str]:
    """Uploads that were refused for their columns and that nobody has had read again."""
    refused = select(Dataset.id).where(
        Dataset.status == DatasetStatus.rejected,
        Dataset.created_at < now() - datasets.REREAD_WITHIN - GRACE,
    )
    for dataset_id in session.scalars(refused):
        if storage.exists(datasets.folder(dataset_id)):
            yield datasets.folder(dataset_id)
