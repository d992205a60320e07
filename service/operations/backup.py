"""Backup and restore of the embedded default: SQLite and files, one folder, while the service runs.

The database is copied first, then the files that its rows name. Files are whole before a row names
them and never change after, so the copies fit together; what was deleted between the two is deleted
from the backup as well. A backup is verified before it counts as one.
"""

import json
import shutil
import sqlite3
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service.audits import records as audits
from service.core.config import DATABASE, Settings
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
from service.operations.verify import Report, verify
from service.storage.atomic import publish
from service.storage.local import Storage

MANIFEST = "backup.json"
STORAGE = "storage"


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
    shutil.rmtree(working, ignore_errors=True)
    working.mkdir(mode=0o700, parents=True)
    try:
        report = _fill(settings, source, working)
        publish(working, folder, replace=False)
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return Backup(folder, report)


def _fill(settings: Settings, source: Path, working: Path) -> Report:
    _copy_database(source, working / DATABASE)
    origin = Storage(settings.resolved_storage_dir)
    copies = Storage(working / STORAGE)
    live, copied = Database(settings.resolved_database_url), Database(_url(working))
    try:
        with copied.read() as session:
            keys = _named(session)
        for key in keys:
            _copy(origin.path(key), copies.path(key))
        _forget_deleted(live, copied, copies)
        report = verify(copied, copies)
        if not report.whole:
            raise BackupFailed(
                "The copy does not hold together, so it is no backup. First of all: "
                f"{report.violations[0]}. `labelaudit verify` tells whether the service's data do."
            )
        _write_manifest(working, report)
        return report
    finally:
        live.dispose()
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
    plans = session.scalars(select(Audit.plan).where(Audit.plan.is_not(None)))
    encodings = {str(plan["encoding"]) for plan in plans if plan and "encoding" in plan}
    return [
        *(datasets.folder(dataset_id) for dataset_id in session.scalars(select(Dataset.id))),
        *(audits.folder(audit_id) for audit_id in session.scalars(select(Audit.id))),
        *(str(Path(exports.file_key(one)).parent) for one in session.scalars(select(Export.id))),
        *sorted(encodings),
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
        keys = [key for one in gone for key in datasets.delete_dataset(session, one)]
    for key in keys:
        copies.delete(key)


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
    database = Database(_url(folder))
    try:
        report = verify(database, Storage(folder / STORAGE))
    finally:
        database.dispose()
    if not report.whole:
        raise BackupFailed(f"The backup does not hold together: {report.violations[0]}.")
    if report.heads != manifest["heads"]:
        raise BackupFailed("The backup's corrections are not those that it was made with.")
    return report
