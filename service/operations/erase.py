"""Deletes a dataset for good, and then looks through everything that is stored for its traces.

What is looked for: the ids of the dataset and of what was made from it, the name of its file, and
the hash of its content. Looked through is every column of text or JSON of every table of the
database, known to this version or not, the name of every stored file, and the content of every file
that is as large as the upload was.
"""

import hashlib
import json
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, MetaData, String, Table, select
from sqlalchemy.orm import Session

from labelaudit.enums import JobStatus
from service.core.errors import NotFound
from service.datasets import deletion, encodings
from service.db.engine import Database
from service.db.tables import (
    AccessEntry,
    Audit,
    Dataset,
    Export,
    Job,
    Ranking,
    Upload,
)
from service.storage.local import Storage
from service.storage.upload_bucket import UploadBucket

ACCESS_LOG = AccessEntry.__tablename__
ROWS = 5000  # fetched at once
DELETED = "dataset.delete"  # the access log's line


@dataclass
class Erasure:
    """`traces` should not be; `kept` are lines of the access log, which stay for its retention."""

    dataset_id: str
    traces: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return not self.traces


@dataclass
class _Names:
    """What a trace is told by."""

    ids: set[str]
    filename: str | None = None
    sha256: str | None = None
    bytes: int = 0
    encodings: list[str] = field(default_factory=list)
    running: bool = False  # a worker may be writing a file of it

    def pattern(self) -> re.Pattern[str]:
        told = [re.escape(name) for name in sorted(self.ids)]
        if self.sha256:
            told.append(re.escape(self.sha256))
        if self.filename:
            told.append(rf"(?<![\w.-]){re.escape(self.filename)}(?![\w.-])")
        return re.compile("|".join(told))


def erase(
    database: Database,
    storage: Storage,
    dataset_id: str,
    *,
    bucket: UploadBucket | None = None,
    lease_seconds: float = 0.0,
) -> Erasure:
    """Delete the dataset and look for its traces; one that was deleted before is only looked for.

    Where a worker was at work on it, its files are deleted again after `lease_seconds`: by then it
    has noticed.

    Raises
    ------
    NotFound
        There is no such dataset, and the access log tells of none.
    """
    with database.read() as session:
        names = _names_of(session, dataset_id) or _names_in_log(session, dataset_id)
        there = session.get(Dataset, dataset_id) is not None
    if there:
        with database.write() as session:
            deleted = deletion.delete_dataset(session, dataset_id)
        deletion.delete_files(database, storage, deleted)
        if names.running:
            time.sleep(lease_seconds)
            deletion.delete_files(database, storage, deleted)
    found = Erasure(dataset_id)
    if bucket is not None:
        bucket.delete(dataset_id)
    with database.snapshot() as session:
        _spare_what_others_share(session, names, found)
        _look_through_tables(session, names, found)
        _look_through_files(session, storage, names, found)
    return found


def _names_of(session: Session, dataset_id: str) -> _Names | None:
    dataset = session.get(Dataset, dataset_id)
    if dataset is None:
        return None
    audits = session.scalars(select(Audit.id).where(Audit.dataset_id == dataset_id)).all()
    made = [
        *audits,
        *session.scalars(select(Ranking.id).where(Ranking.audit_id.in_(audits))),
        *session.scalars(select(Export.id).where(Export.dataset_id == dataset_id)),
        *session.scalars(select(Upload.id).where(Upload.dataset_id == dataset_id)),
    ]
    running = select(Job.subject_id).where(
        Job.subject_id.in_([dataset_id, *made]), Job.status == JobStatus.running
    )
    return _Names(
        ids={dataset_id, *made},
        filename=dataset.filename,
        sha256=dataset.sha256,
        bytes=dataset.bytes,
        encodings=encodings.of_dataset(session, dataset_id),
        running=session.scalars(running).first() is not None,
    )


def _names_in_log(session: Session, dataset_id: str) -> _Names:
    """Of a dataset that was deleted before."""
    line = session.scalars(
        select(AccessEntry).where(AccessEntry.action == DELETED, AccessEntry.subject == dataset_id)
    ).first()
    if line is None:
        raise NotFound(f"There is no dataset {dataset_id!r}, and none was deleted.")
    return _Names(ids={dataset_id}, sha256=(line.detail or {}).get("sha256"))


def _spare_what_others_share(session: Session, names: _Names, found: Erasure) -> None:
    """A name or a content that another dataset has too is no trace of this one."""
    others = select(Dataset.id)
    same_name = session.scalars(others.where(Dataset.filename == names.filename)).first()
    coming = select(Upload.id).where(Upload.filename == names.filename)
    if names.filename and (same_name or session.scalars(coming).first()):
        found.notes.append(f"{same_name or 'An upload'} has a file of the same name.")
        names.filename = None
    same = session.scalars(others.where(Dataset.sha256 == names.sha256)).first()
    if names.sha256 and same:
        found.notes.append(f"{same} is of a file with the same content.")
        names.sha256 = None


# ------------------------------------------------------------------------------------------- tables


def _look_through_tables(session: Session, names: _Names, found: Erasure) -> None:
    pattern = names.pattern()
    metadata = MetaData()
    metadata.reflect(session.connection())
    for table in metadata.sorted_tables:
        traces = found.kept if table.name == ACCESS_LOG else found.traces
        traces += _rows_with(session, table, pattern)


def _rows_with(session: Session, table: Table, pattern: re.Pattern[str]) -> Iterator[str]:
    columns = [column for column in table.columns if isinstance(column.type, (String, JSON))]
    if not columns:
        return
    keys = list(table.primary_key) or list(table.columns)[:1]
    rows = session.execute(
        select(*(column.label(f"k{n}") for n, column in enumerate(keys)), *columns),
        execution_options={"yield_per": ROWS},
    )
    for row in rows:
        for column, value in zip(columns, row[len(keys) :], strict=True):
            if value is not None and pattern.search(_text_of(value)):
                key = ", ".join(str(part) for part in row[: len(keys)])
                yield f"{table.name} {key}: {column.name}"


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


# -------------------------------------------------------------------------------------------- files


def _look_through_files(session: Session, storage: Storage, names: _Names, found: Erasure) -> None:
    pattern, needed = names.pattern(), encodings.named(session)
    for key in names.encodings:
        if key in needed:
            found.notes.append(f"{key} is needed by an audit of the same file.")
        elif storage.exists(key):
            found.traces.append(f"storage: {key}")
    for path in _files_of(storage.root):
        key = str(path.relative_to(storage.root))
        if pattern.search(key):
            found.traces.append(f"storage: {key}")
        elif names.sha256 and _is_upload(path, names):
            found.traces.append(f"storage: {key} has the content of the upload")


def _files_of(root: Path) -> Iterable[Path]:
    return sorted(root.rglob("*"))


def _is_upload(path: Path, names: _Names) -> bool:
    with suppress(FileNotFoundError):
        if path.is_file() and path.stat().st_size == names.bytes:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == names.sha256
    return False
