"""Thumbnails of a dataset's pictures, kept so that each is made once.

They are named by what they show: the hash of the upload, the picture's place in it, their size.
They can always be made again, so a backup has none, and a full disk or the cleanup may take them.
"""

import os
from contextlib import suppress

import structlog
from sqlalchemy import exists, select

from service.core.disk_full import is_disk_full
from service.core.errors import InsufficientStorage
from service.db.engine import Database
from service.db.tables import Dataset
from service.storage.local import Storage

FOLDER = "thumbnails"
VERSION = 1  # to be raised whenever the same picture would be shown differently

log = structlog.get_logger()


def folder(dataset_id: str) -> str:
    return f"{FOLDER}/{dataset_id}"


def key(dataset: Dataset, offset: int, size: int) -> str:
    """Of the picture whose bytes begin at `offset` of the dataset's upload."""
    return f"{folder(dataset.id)}/{dataset.sha256[:32]}-{offset}-{size}-v{VERSION}.png"


def find(storage: Storage, key: str) -> bytes | None:
    """The kept thumbnail, if there is one; it was used now."""
    path = storage.path(key)
    with suppress(FileNotFoundError):
        content = path.read_bytes()
        os.utime(path)
        return content
    return None


def keep(database: Database, storage: Storage, dataset_id: str, key: str, content: bytes) -> None:
    """Keep a thumbnail, unless the disk is full or the dataset was deleted while it was made."""
    try:
        storage.require_space(len(content))
        with storage.writing(key) as path:
            path.write_bytes(content)
    except FileNotFoundError:  # its folder went with the dataset in this moment
        return
    except (InsufficientStorage, OSError) as error:
        if isinstance(error, OSError) and not is_disk_full(error):
            raise
        log.warning("thumbnail_not_kept", error=str(error))
        return
    # A deletion that commits after this look deletes the files after it.
    with database.read() as session:
        there = session.scalar(select(exists().where(Dataset.id == dataset_id)))
    if not there:
        storage.delete(folder(dataset_id))


def evict(storage: Storage, *, limit_bytes: int, dry_run: bool = False) -> list[str]:
    """Delete the least recently used until the others take no more than `limit_bytes`; returns
    which were."""
    found = []
    for path in storage.path(FOLDER).glob("*/[!.]*"):
        with suppress(FileNotFoundError):
            status = path.stat()
            found.append((status.st_mtime, str(path.relative_to(storage.root)), status.st_size))
    total, evicted = sum(size for _, _, size in found), []
    for _, one, size in sorted(found):
        if total <= limit_bytes:
            break
        evicted.append(one)
        total -= size
    for one in () if dry_run else evicted:
        storage.delete(one)
    return evicted
