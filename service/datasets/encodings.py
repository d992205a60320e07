"""The cache of encodings: which are needed, and the deletion of those that are not.

An encoding belongs to the content of an upload, so audits of several datasets may share one. It is
needed by the audits that name it in their plan. An audit that has ended can have its encoding made
again, so those may be evicted; an audit with work to do keeps its own.

Naming an encoding and deleting one exclude each other by a lock.
"""

import os
import time
from collections.abc import Iterable

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from labelaudit.enums import FINISHED, UNFINISHED
from service.db.engine import Database, advisory_lock
from service.db.tables import Audit, Job
from service.storage.local import Storage

FOLDER = "encodings"
LOCK = "encodings"
RECENT_SECONDS = 3600.0  # what was used since may be wanted by a job that has not named it yet

_KEY = Audit.plan["encoding"].as_string()


class EncodingGone(Exception):
    """The encoding was deleted before it was named; the job is to be run again."""


def of_dataset(session: Session, dataset_id: str) -> list[str]:
    """The encodings that the dataset's audits name."""
    query = select(_KEY).where(Audit.dataset_id == dataset_id, _KEY.is_not(None))
    return sorted(set(session.scalars(query)))


def named(session: Session) -> set[str]:
    """The encodings that any audit names."""
    return set(session.scalars(select(_KEY).where(_KEY.is_not(None)).distinct()))


def in_use(session: Session) -> set[str]:
    """The encodings of audits that have work to do."""
    open_job = exists().where(Job.subject_id == Audit.id, Job.status.in_(UNFINISHED))
    unfinished = or_(Audit.status.not_in(FINISHED), open_job)
    return set(session.scalars(select(_KEY).where(_KEY.is_not(None), unfinished)))


def touch(storage: Storage, key: str) -> None:
    """Note that the encoding was used now."""
    os.utime(storage.path(key))


def require(session: Session, storage: Storage, key: str) -> None:
    """To be called in the transaction that names the encoding. Raises EncodingGone."""
    advisory_lock(session, LOCK)
    if not storage.exists(key):
        raise EncodingGone(key)


def delete_unnamed(database: Database, storage: Storage, keys: Iterable[str]) -> list[str]:
    """Delete those of the encodings that no audit names; returns which were."""
    with database.write() as session:
        advisory_lock(session, LOCK)
        kept = named(session)
        deleted = [key for key in keys if key not in kept]
        for key in deleted:
            storage.delete(key)
    return deleted


def evict(
    database: Database,
    storage: Storage,
    *,
    limit_bytes: int,
    dry_run: bool = False,
    recent_seconds: float = RECENT_SECONDS,
) -> list[str]:
    """Delete the least recently used until the others take no more than `limit_bytes`; returns
    which were. None that is in use, or was used a moment ago."""
    recent, evicted = time.time() - recent_seconds, []
    with database.write() as session:
        advisory_lock(session, LOCK)
        kept = in_use(session)
        found = sorted(_files(storage))
        total = sum(size for _, _, size in found)
        for used_at, key, size in found:
            if total <= limit_bytes or used_at > recent:
                break
            if key not in kept:
                evicted.append(key)
                total -= size
        for key in () if dry_run else evicted:
            storage.delete(key)
    return evicted


def total_bytes(storage: Storage) -> int:
    """What all encodings take."""
    return sum(size for _, _, size in _files(storage))


def _files(storage: Storage) -> Iterable[tuple[float, str, int]]:
    """When each encoding was last used, its key and its size."""
    for path in storage.path(FOLDER).glob("[!.]*"):
        found = path.stat()
        yield found.st_mtime, f"{FOLDER}/{path.name}", found.st_size
