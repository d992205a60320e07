"""A dataset with its corrections applied -> one file."""

import hashlib
from pathlib import Path
from typing import Any

from service import review
from service.datasets import records as datasets
from service.db.tables import Dataset, Export
from service.exports import records as exports
from service.exports.formats import Correction, export
from service.jobs.records import Claim
from service.review.hash_chain import anchor_head
from worker.runtime.context import Commit, Worker
from worker.runtime.lease import JobLease


def run_export(worker: Worker, claim: Claim, lease: JobLease) -> Commit:
    """The dataset with its corrections applied -> one file."""
    with worker.database.read() as session:
        wanted = exports.get_export(session, claim.subject_id)
        dataset = session.get_one(Dataset, wanted.dataset_id)
        standing = review.corrections_at(session, dataset.id, wanted.dataset_version)
        if worker.backends.anchors is not None:
            anchor_head(session, worker.backends.anchors, dataset.id)
    with worker.storage.writing(exports.file_key(wanted.id)) as path:
        extension = export(
            str(dataset.kind),
            str(dataset.format),
            worker.storage.path(datasets.upload_key(dataset.id)),
            worker.storage.path(datasets.samples_key(dataset.id)),
            {
                position: _as_exported(correction, dataset.class_names)
                for position, correction in standing.items()
            },
            path,
            format=wanted.format,
            on_progress=lease.report,
        )
        size, digest = _measure(path)
    filename = _export_name(dataset, wanted, extension)
    return lambda session: exports.complete_export(
        session, wanted.id, filename=filename, bytes=size, sha256=digest
    )


def _as_exported(correction: Any, class_names: list[str]) -> Correction:
    label = correction.corrected_label
    return Correction(
        corrected_label=None if label is None else class_names[label],
        verdict=str(correction.verdict),
        annotator=correction.annotator,
        corrected_at=correction.created_at,
        excluded=label is None,
    )


def _measure(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return path.stat().st_size, digest.hexdigest()


def _export_name(dataset: Dataset, wanted: Export, extension: str) -> str:
    plain = "".join(c if c.isalnum() or c in "-_." else "-" for c in Path(dataset.filename).stem)
    return f"{plain[:100] or 'dataset'}-v{wanted.dataset_version}-{wanted.format}{extension}"
