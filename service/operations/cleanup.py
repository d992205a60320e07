"""Clears away what nothing names any more: expired uploads, refused files, the files of displaced
rankings, what killed jobs left.

Runs every now and then in the service, and by `labelaudit clean`. One at a time: a lock that ends
with its process keeps others out. Only what has been untouched for long is looked at, so nothing
that is being written is ever deleted.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from labelaudit.enums import DatasetStatus
from service import uploads
from service.accounts import access_log
from service.core.errors import Unavailable
from service.datasets import encodings
from service.datasets import records as datasets
from service.db.engine import Database
from service.db.tables import Dataset, Upload, now
from service.operations.verify.files import leftovers
from service.storage.local import Storage
from service.storage.upload_bucket import UploadBucket

LOCK = "cleanup"
SETTLED_SECONDS = 3600.0
GRACE = timedelta(hours=1)  # between the moment something may no longer be used and its deletion


def tidy(
    database: Database,
    storage: Storage,
    bucket: UploadBucket | None = None,
    *,
    dry_run: bool = False,
    settled_seconds: float = SETTLED_SECONDS,
    encodings_bytes: int | None = None,
) -> list[str] | None:
    """Delete what is left over, and encodings beyond `encodings_bytes`; the storage keys, and
    addresses in the bucket, that were (or would be) deleted, or None if somebody else is at it."""
    with database.try_lock(LOCK) as locked:
        if not locked:
            return None
        with database.read() as session:
            keys = [*_expired_uploads(session), *_refused_files(session, storage)]
            keys += leftovers(session, storage, settled_seconds=settled_seconds)
        if not dry_run:
            with database.write() as session:
                for upload in session.scalars(select(Upload).where(_expired())):
                    session.delete(upload)
                access_log.delete_expired(session)
            unnamed = [key for key in keys if key.startswith(f"{encodings.FOLDER}/")]
            encodings.delete_unnamed(database, storage, unnamed)
            for key in set(keys) - set(unnamed):
                storage.delete(key)
        if encodings_bytes is not None:
            keys += encodings.evict(database, storage, limit_bytes=encodings_bytes, dry_run=dry_run)
        if bucket is not None:
            with suppress(Unavailable):  # which is logged; there is a next time
                keys += _clear(
                    database, bucket, timedelta(seconds=settled_seconds), dry_run=dry_run
                )
    return sorted(set(keys))


def _clear(
    database: Database, bucket: UploadBucket, settled: timedelta, *, dry_run: bool
) -> list[str]:
    """Delete what lies in the bucket and belongs to no upload and no dataset; where it lay.

    The rows are read after the bucket: what was begun since is then not on the list.
    """
    found = [one for one in bucket.everything() if one.since < now() - settled]
    with database.read() as session:
        known = set(_expected(session))
    leftovers = [one for one in found if (one.dataset_id, one.multipart_id) not in known]
    for one in () if dry_run else leftovers:
        if one.multipart_id is None:
            bucket.delete(one.dataset_id)
        else:
            bucket.abort(one.dataset_id, one.multipart_id)
    return [bucket.address(one.dataset_id) for one in leftovers]


def _expected(session: Session) -> Iterator[tuple[str, str | None]]:
    """Of each object that may lie in the bucket its dataset, of each begun upload its id there."""
    for dataset_id in session.scalars(select(Dataset.id).where(Dataset.in_bucket)):
        yield dataset_id, None
    coming = select(Upload.dataset_id, Upload.multipart_id).where(
        Upload.multipart_id.is_not(None),
        Upload.completed_at.is_(None),
        Upload.problem.is_(None),
        ~_expired(),
    )
    for dataset_id, multipart_id in session.execute(coming):
        yield dataset_id, None
        yield dataset_id, multipart_id


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
