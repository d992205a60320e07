"""Is every file there that a row names, and does every file belong to a row?"""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from labelaudit.enums import (
    JobStatus,
    JobType,
)
from service.audits import classifier, ranking_files
from service.audits import records as audits
from service.datasets import encodings, thumbnails
from service.datasets import records as datasets
from service.db.tables import (
    Audit,
    Dataset,
    Export,
    Job,
    Ranking,
    Suspect,
    Upload,
)
from service.exports import records as exports
from service.inference import head
from service.operations.verify.report import Violation
from service.review.reranking import pruned_rankings
from service.storage.local import Storage

OWNERS = {
    "datasets": Dataset,
    "anchors": Dataset,
    thumbnails.FOLDER: Dataset,
    "audits": Audit,
    "exports": Export,
}


def missing(session: Session, storage: Storage, *, contents: bool) -> Iterator[Violation]:
    """Files that a row names and that are not there, or not as the row describes them."""
    for dataset in session.scalars(select(Dataset).order_by(Dataset.id)):
        for detail in _dataset(storage, dataset, contents):
            yield Violation("files", dataset.id, detail)
    for export in session.scalars(select(Export).where(Export.status == JobStatus.completed)):
        path = storage.path(exports.file_key(export.id))
        for detail in _differs(path, export.bytes, export.sha256 if contents else None):
            yield Violation("files", export.id, f"its file {detail}")
    yield from _of_rankings(session, storage)
    yield from _of_jobs(session, storage)


def _dataset(storage: Storage, dataset: Dataset, contents: bool) -> Iterator[str]:
    if dataset.status is JobStatus.failed or dataset.in_bucket:
        return
    upload = storage.path(datasets.upload_key(dataset.id))
    for detail in _differs(upload, dataset.bytes, dataset.sha256 if contents else None):
        yield f"its upload {detail}"
    if dataset.status is JobStatus.completed:
        samples = storage.path(datasets.samples_key(dataset.id))
        for detail in _rows_differ(samples, dataset.sample_count):
            yield f"the file of its samples {detail}"


def _of_rankings(session: Session, storage: Storage) -> Iterator[Violation]:
    """A pruned ranking has no suspects and needs no file; of every other, each suspect is in its
    file."""
    pruned = {ranking.id for ranking in pruned_rankings(session)}
    for audit_id, ranking_id in session.execute(
        select(Ranking.audit_id, Ranking.id).order_by(Ranking.id)
    ):
        count = session.scalar(select(func.count()).where(Suspect.ranking_id == ranking_id)) or 0
        if ranking_id in pruned:
            if count:
                detail = f"the ranking {ranking_id} was displaced, but has {count} suspects"
                yield Violation("files", audit_id, detail)
            continue
        path = storage.path(ranking_files.ranking_key(audit_id, ranking_id))
        for detail in _rows_differ(path, count):
            yield Violation("files", audit_id, f"the file of the ranking {ranking_id} {detail}")


def _of_jobs(session: Session, storage: Storage) -> Iterator[Violation]:
    """What a finished job of an audit says that it wrote."""
    done = (
        select(Job.subject_id, Job.type, Job.number, Audit.config)
        .join(Audit, Audit.id == Job.subject_id)
        .where(Job.status == JobStatus.completed)
    )
    for audit_id, kind, shard, config in session.execute(done):
        match kind:
            case JobType.encoding:
                inputs = ("labels.npy", "positions.npy")
                keys = [f"{audits.folder(audit_id)}/{name}" for name in inputs]
            case JobType.train:
                keys = [audits.shard_key(audit_id, shard)]
            case JobType.classifier:
                names = head.file_names(config.get("network", "auto"))
                keys = [classifier.file_key(audit_id, name) for name in names]
            case _:
                continue
        for key in keys:
            if not storage.exists(key):
                yield Violation("files", audit_id, f"its {kind} job is done, but {key} is missing")


def _differs(path: Path, size: int | None, sha256: str | None) -> Iterator[str]:
    if not path.is_file():
        yield "is missing"
    elif path.stat().st_size != size:
        yield f"has {path.stat().st_size} bytes, not {size}"
    elif sha256 is not None and _sha256(path) != sha256:
        yield "is not what was received: its hash differs"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _rows_differ(path: Path, count: int) -> Iterator[str]:
    if not path.is_file():
        yield "is missing"
        return
    try:
        found = pq.read_metadata(path).num_rows
    except (OSError, pa.ArrowException) as error:
        yield f"cannot be read: {error}"
    else:
        if found != count:
            yield f"has {found} rows, not {count}"


def leftovers(session: Session, storage: Storage, *, min_age_seconds: float) -> list[str]:
    """Folders of deleted objects, and temporary files that nobody writes any more."""
    newest = time.time() - min_age_seconds
    found = []
    for name, model in OWNERS.items():
        known = set(session.scalars(select(model.id)))  # type: ignore[attr-defined]
        if model is Dataset:  # an upload has no dataset yet
            known |= set(session.scalars(select(Upload.dataset_id)))
        for path in sorted(storage.path(name).glob("*")):
            if path.name not in known:
                if _modified_at(path) <= newest:
                    found.append(path)
                continue
            temporary = (part for part in path.rglob(".*") if _modified_at(part) <= newest)
            found += sorted(temporary)
    found += sorted(_old_rankings(session, storage, newest))
    encoded = list(storage.path(encodings.FOLDER).glob("*"))
    needed = encodings.named(session)
    found += sorted(
        path
        for path in encoded
        if f"{encodings.FOLDER}/{path.name}" not in needed and _modified_at(path) <= newest
    )
    open_uploads = set(session.scalars(select(Upload.id)))
    found += sorted(
        part
        for part in storage.path("incoming").glob("*")
        if part.name not in open_uploads and _modified_at(part) <= newest
    )
    return [str(path.relative_to(storage.root)) for path in found]


def _old_rankings(session: Session, storage: Storage, newest: float) -> Iterator[Path]:
    """Files of rankings that were displaced some time ago, or that were never published."""
    paths = list(storage.path("audits").glob("*/rankings/[!.]*.parquet"))
    pruned = {ranking.id: ranking.since.timestamp() for ranking in pruned_rankings(session)}
    published = set(session.scalars(select(Ranking.id)))
    known = set(session.scalars(select(Audit.id)))  # other folders go as a whole
    for path in paths:
        if path.parts[-3] not in known:
            continue
        since = pruned.get(path.stem)
        if since is None and path.stem not in published:
            since = _modified_at(path)
        if since is not None and since <= newest:
            yield path


def _modified_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # finished or deleted in the meantime
        return float("inf")
