"""Backup and restore of the embedded default: SQLite and files, one folder, while the service runs.

The database is copied first, then the files that its rows name. Files are whole before a row names
them and never change after, so the copies fit together. The cleanup, which deletes files of rows
that stay, waits meanwhile; datasets deleted between the two are deleted from the backup as well. A
backup is verified before it counts as one.
"""

import json
import shutil
import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service.audits import records as audits
from service.backends import open_anchors
from service.core.config import DATABASE, SIGNING_KEY, Settings
from service.datasets import deletion, encodings
from service.datasets import records as datasets
from service.db.engine import Database
from service.db.tables import (
    Audit,
    Dataset,
    Export,
    Upload,
    now,
)
from service.exports import records as exports
from service.operations.cleanup import LOCK as CLEANUP_LOCK
from service.operations.verify import Report, verify
from service.review.hash_chain import anchor_head
from service.storage import anchors
from service.storage.anchors import Anchors, SigningKey
from service.storage.atomic import publish
from service.storage.local import Storage

MANIFEST = "backup.json"
STORAGE = "storage"
TRIES = 2  # what is rejected or deleted amid the copying is settled the next time
CLEANUP_SECONDS = 60.0  # to wait for a cleanup that is at work


class BackupFailed(Exception):
    """No backup was made, or nothing was restored; says why and what to do."""


@dataclass(frozen=True)
class Backup:
    folder: Path
    report: Report


def back_up(settings: Settings, folder: Path) -> Backup:
    """Copy everything into a new folder. Raises BackupFailed; nothing half is left there."""
    source = settings.data_dir / DATABASE
    if not settings.embedded:
        raise BackupFailed(
            "This service keeps its rows in PostgreSQL: use pg_dump, and copy the storage folder "
            "after it. docs/deployment.md has the commands."
        )
    if not source.exists():
        raise BackupFailed(f"There is no service's data in {settings.data_dir}.")
    if folder.exists():
        raise BackupFailed(f"{folder} exists already; a backup is a folder of its own.")
    working = folder.with_name(f".{folder.name}.part")
    live = Database(settings.resolved_database_url)
    try:
        with _no_cleanup(live):
            report = _copy_all(settings, live, working)
        publish(working, folder, replace=False)
    finally:
        live.dispose()
        shutil.rmtree(working, ignore_errors=True)
    return Backup(folder, report)


@contextmanager
def _no_cleanup(live: Database) -> Generator[None]:
    """Keep the cleanup out for the block."""
    deadline = time.monotonic() + CLEANUP_SECONDS
    while True:
        with live.try_lock(CLEANUP_LOCK) as locked:
            if locked:
                yield
                return
        if time.monotonic() > deadline:
            raise BackupFailed("The service has been cleaning up for long; try again later.")
        time.sleep(0.2)


def _copy_all(settings: Settings, live: Database, working: Path) -> Report:
    source = settings.data_dir / DATABASE
    for _ in range(TRIES):
        shutil.rmtree(working, ignore_errors=True)
        working.mkdir(mode=0o700, parents=True)
        report = _fill(settings, live, source, working)
        if report.whole:
            _write_manifest(working, report)
            return report
    raise BackupFailed(
        "The copy does not hold together, so it is no backup. First of all: "
        f"{report.violations[0]}. `labelaudit verify` tells whether the service's data do."
    )


def _fill(settings: Settings, live: Database, source: Path, working: Path) -> Report:
    _copy_database(source, working / DATABASE)
    origin = Storage(settings.resolved_storage_dir)
    copies = Storage(working / STORAGE)
    copied = Database(_url(working))
    try:
        anchored = open_anchors(settings, origin)
        with copied.read() as session:
            keys = _named(session)
            if anchored is not None:
                for dataset_id in session.scalars(select(Dataset.id)).all():
                    anchor_head(session, anchored, dataset_id)
        for key in keys:
            _copy(origin.path(key), copies.path(key))
        _forget_deleted(live, copied, copies)
        _forget_later_anchors(copied, copies)
        if settings.own_signing_key_file is not None:
            shutil.copy2(settings.own_signing_key_file, working / SIGNING_KEY)
        return verify(copied, copies, anchors=Anchors(copies, anchored.key) if anchored else None)
    finally:
        copied.dispose()


def _copy_database(source: Path, target: Path) -> None:
    """SQLite's own backup: one moment of the database, while others write."""
    reading, writing = sqlite3.connect(source), sqlite3.connect(target)
    try:
        reading.backup(writing)
    finally:
        reading.close()
        writing.close()


def _url(folder: Path) -> str:
    return f"sqlite:///{folder / DATABASE}"


def _named(session: Session) -> list[str]:
    """The storage keys that rows name: folders, and the encodings of audits."""
    return [
        *(datasets.folder(dataset_id) for dataset_id in session.scalars(select(Dataset.id))),
        *(anchors.folder(dataset_id) for dataset_id in session.scalars(select(Dataset.id))),
        *(audits.folder(audit_id) for audit_id in session.scalars(select(Audit.id))),
        *(str(Path(exports.file_key(one)).parent) for one in session.scalars(select(Export.id))),
        *sorted(encodings.named(session)),
    ]


def _copy(source: Path, target: Path) -> None:
    """What is whole of it: names with a dot in front are still being written, or removed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns(".*"))
        elif source.exists():
            shutil.copyfile(source, target)
    except (FileNotFoundError, shutil.Error):
        shutil.rmtree(target, ignore_errors=True)  # deleted meanwhile; verification will tell


def _forget_deleted(live: Database, copied: Database, copies: Storage) -> None:
    """Uploads under way have no bytes here; datasets deleted meanwhile are no part of it."""
    with live.read() as session:
        there = set(session.scalars(select(Dataset.id)))
    with copied.write() as session:
        session.execute(delete(Upload).where(Upload.completed_at.is_(None)))
        gone = set(session.scalars(select(Dataset.id))) - there
        deleted = [deletion.delete_dataset(session, one) for one in gone]
    for one in deleted:
        deletion.delete_files(copied, copies, one)


def _forget_later_anchors(copied: Database, copies: Storage) -> None:
    """Those of corrections that were made after the database was copied."""
    with copied.read() as session:
        versions = dict(session.execute(select(Dataset.id, Dataset.version)).all())
    for dataset_id, newest in versions.items():
        for path in copies.path(anchors.folder(dataset_id)).glob("*.json"):
            if path.stem.isdecimal() and int(path.stem) > newest:
                path.unlink()


def _write_manifest(folder: Path, report: Report) -> None:
    told = {
        "made_at": now().isoformat(),
        "version": version("labelaudit"),
        "counts": report.counts,
        "heads": report.heads,
    }
    (folder / MANIFEST).write_text(json.dumps(told, indent=1, sort_keys=True))


def restore(backup: Path, data_dir: Path) -> Report:
    """Make a data directory from a backup. Raises BackupFailed where one is there, or where the
    backup is not what it was."""
    manifest = _read_manifest(backup)
    if (data_dir / DATABASE).exists():
        raise BackupFailed(
            f"{data_dir} holds a service's data already, and nothing is overwritten. Name another "
            "directory with --data-dir, or move that one away."
        )
    if data_dir.exists() and any(data_dir.iterdir()):
        raise BackupFailed(f"{data_dir} is not empty.")
    working = data_dir.with_name(f".{data_dir.name}.part")
    shutil.rmtree(working, ignore_errors=True)
    shutil.copytree(backup, working, ignore=shutil.ignore_patterns(MANIFEST))
    try:
        report = _verified(working, manifest)
        working.chmod(0o700)
        publish(working, data_dir, replace=False)
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return report


def _read_manifest(backup: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((backup / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise BackupFailed(f"{backup} is no backup that `labelaudit backup` made.") from error
    return manifest


def _verified(folder: Path, manifest: dict[str, Any]) -> Report:
    database, storage = Database(_url(folder)), Storage(folder / STORAGE)
    key = folder / SIGNING_KEY
    try:
        anchored = Anchors(storage, SigningKey.of_file(key)) if key.exists() else None
        report = verify(database, storage, anchors=anchored)
    finally:
        database.dispose()
    if not report.whole:
        raise BackupFailed(f"The backup does not hold together: {report.violations[0]}.")
    if report.heads != manifest["heads"]:
        raise BackupFailed("The backup's corrections are not those that it was made with.")
    return report
