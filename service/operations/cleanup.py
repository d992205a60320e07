"""Deletes orphaned files: expired uploads, rejected files, the files of displaced rankings,
leftovers of killed jobs; and, once they are old, the answers kept for repeated requests and the
deliveries of webhooks.

Runs periodically in the service, and by `labelaudit clean`; a lock makes sure that only one runs at
a time. It only considers files that have not changed for a while, so it never deletes one that is
being written.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from labelaudit.enums import JobStatus
from service import uploads
from service.accounts import access_log
from service.core.errors import Unavailable
from service.datasets import encodings, thumbnails
from service.datasets import records as datasets
from service.db.engine import Database
from service.db.tables import Dataset, Idempotency, Upload, now
from service.operations.verify.files import leftovers
from service.storage.local import Storage
from service.storage.upload_bucket import UploadBucket
from service.webhooks import deliveries
from service.webhooks import records as webhooks

LOCK = "cleanup"
MIN_AGE_SECONDS = 3600.0
GRACE = timedelta(hours=1)  # between the expiry of something and its deletion
REPEATABLE = timedelta(days=30)  # how long a request may be repeated with its Idempotency-Key


def clean_up(
    database: Database,
    storage: Storage,
    bucket: UploadBucket | None = None,
    *,
    dry_run: bool = False,
    min_age_seconds: float = MIN_AGE_SECONDS,
    cache_bytes: int | None = None,
) -> list[str] | None:
    """Delete orphaned files, and encodings and thumbnails beyond `cache_bytes`; returns the storage
    keys and bucket URLs that were (or would be) deleted, or None if another process is cleaning
    up."""
    with database.try_lock(LOCK) as locked:
        if not locked:
            return None
        with database.read() as session:
            keys = [*_expired_uploads(session), *_rejected_files(session, storage)]
            keys += leftovers(session, storage, min_age_seconds=min_age_seconds)
        if not dry_run:
            with database.write() as session:
                for upload in session.scalars(select(Upload).where(_expired())):
                    session.delete(upload)
                access_log.delete_expired(session)
                _delete_old_answers(session)
                deliveries.delete_old(session)
                webhooks.forget_old_secrets(session)
            unnamed = [key for key in keys if key.startswith(f"{encodings.FOLDER}/")]
            encodings.delete_unnamed(database, storage, unnamed)
            for key in set(keys) - set(unnamed):
                storage.delete(key)
        if cache_bytes is not None:
            keys += encodings.evict(database, storage, limit_bytes=cache_bytes, dry_run=dry_run)
            # thumbnails have the rest: they are made again in a second, encodings in minutes
            rest = max(0, cache_bytes - encodings.total_bytes(storage))
            keys += thumbnails.evict(storage, limit_bytes=rest, dry_run=dry_run)
        if bucket is not None:
            with suppress(Unavailable):  # it is logged, and the next cleanup tries again
                keys += _clean_bucket(
                    database, bucket, timedelta(seconds=min_age_seconds), dry_run=dry_run
                )
    return sorted(set(keys))


def _clean_bucket(
    database: Database, bucket: UploadBucket, min_age: timedelta, *, dry_run: bool
) -> list[str]:
    """Delete what belongs to no upload and no dataset from the bucket; returns the URLs.

    The bucket is listed before the rows are read, so uploads that begin in between are not listed.
    """
    listed = [one for one in bucket.everything() if one.since < now() - min_age]
    with database.read() as session:
        known = set(_expected(session))
    orphans = [one for one in listed if (one.dataset_id, one.multipart_id) not in known]
    for one in () if dry_run else orphans:
        if one.multipart_id is None:
            bucket.delete(one.dataset_id)
        else:
            bucket.abort(one.dataset_id, one.multipart_id)
    return [bucket.address(one.dataset_id) for one in orphans]


def _expected(session: Session) -> Iterator[tuple[str, str | None]]:
    """What may be in the bucket: (dataset id, None) of objects, (dataset id, multipart id)."""
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


def _delete_old_answers(session: Session) -> None:
    """Delete the answers kept for requests that nobody repeats any more."""
    session.execute(delete(Idempotency).where(Idempotency.created_at < now() - REPEATABLE))


def _expired() -> ColumnElement[bool]:
    return Upload.expires_at < now() - GRACE


def _expired_uploads(session: Session) -> Iterator[str]:
    for upload in session.scalars(select(Upload).where(_expired())):
        if upload.completed_at is None and upload.problem is None:
            yield uploads.part_key(upload.id)


def _rejected_files(session: Session, storage: Storage) -> Iterator[str]:
    """Files of datasets rejected because of their columns, once they can no longer be re-read."""
    rejected = select(Dataset.id).where(
        Dataset.status == JobStatus.failed,
        Dataset.created_at < now() - datasets.REREAD_PERIOD - GRACE,
    )
    for dataset_id in session.scalars(rejected):
        if storage.exists(datasets.folder(dataset_id)):
            yield datasets.folder(dataset_id)
