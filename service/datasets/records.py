"""Datasets: create, publish or reject, list, read one sample, delete."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import Table, delete, select
from sqlalchemy.orm import Session

from labelaudit.enums import UNFINISHED, DatasetKind, JobStatus, JobType
from service.core.errors import BadInput, NotFound, NotReady
from service.core.principal import Principal
from service.db.bulk import bulk_copy
from service.db.listing import Order, RowFilter
from service.db.lookup import get_row
from service.db.tables import (
    Dataset,
    Sample,
)
from service.ingest import IngestReport, SeenColumn
from service.ingest.writer import MEDIA
from service.jobs import records as jobs
from service.pictures.decoders import Place
from service.storage import parquet_rows
from service.storage.local import Received, Storage
from service.webhooks.outbox import announce_end

# Problems that other column roles may solve; the upload is kept so that it can be read again.
SOLVABLE_BY_COLUMNS = {
    f"/problems/{slug}"
    for slug in (
        "class-names-invalid",
        "class-order-mismatch",
        "class-too-small",
        "column-type-unsupported",
        "column-unknown",
        "duplicate-sample-id",
        "label-column-missing",
        "label-is-quantity",
        "label-out-of-range",
        "labels-missing",
        "manifest-mismatch",
        "multiple-labels",
        "no-features",
        "non-finite-features",
        "probabilities-invalid",
        "sample-id-missing",
        "shape-mismatch",
        "too-few-classes",
        "too-few-samples",
        "too-many-classes",
    )
}
REREAD_PERIOD = timedelta(days=1)
ROW_GROUP = 1024  # rows of samples.parquet that are read to show one


def folder(dataset_id: str) -> str:
    return f"datasets/{dataset_id}"


def upload_key(dataset_id: str) -> str:
    return f"{folder(dataset_id)}/upload"


def samples_key(dataset_id: str) -> str:
    return f"{folder(dataset_id)}/samples.parquet"


def media_path(storage: Storage, dataset_id: str) -> Path:
    """The file that the pictures lie in: their own, or the upload."""
    own = storage.path(f"{folder(dataset_id)}/{MEDIA}")
    return own if own.exists() else storage.path(upload_key(dataset_id))


def create_dataset(
    session: Session,
    *,
    dataset_id: str,
    name: str,
    filename: str,
    received: Received,
    columns: dict[str, Any] | None,
    principal: Principal,
    shared: bool = False,
    in_bucket: bool = False,
) -> Dataset:
    """Create the dataset of an upload that is stored or `in_bucket`, and enqueue its ingest.

    It is `shared` with the whole organisation, or with members (`service.datasets.members`).
    """
    dataset = Dataset(
        id=dataset_id,
        tenant_id=principal.tenant_id,
        shared=shared,
        name=name,
        filename=filename,
        status=JobStatus.queued,
        bytes=received.bytes,
        sha256=received.sha256,
        in_bucket=in_bucket,
        requested_columns=columns,
        created_by=principal,
        version=0,
    )
    session.add(dataset)
    jobs.enqueue(session, subject_id=dataset_id, type=JobType.ingest)
    session.flush()
    return dataset


def begin(session: Session, dataset_id: str) -> None:
    """A worker has begun to read the file."""
    get_dataset(session, dataset_id).status = JobStatus.running


def publish(
    session: Session,
    dataset_id: str,
    report: IngestReport,
    samples: Iterable[pa.RecordBatch],
) -> None:
    """Make an ingested dataset and all its samples visible at once. `samples` are batches of
    `position`, `sample_id` and `given_label`."""
    dataset = get_dataset(session, dataset_id)
    table = Sample.__table__
    assert isinstance(table, Table)
    _delete_samples(session, dataset_id)
    bulk_copy(
        session,
        table,
        (
            batch.append_column("dataset_id", pa.repeat(dataset_id, batch.num_rows))
            for batch in samples
        ),
    )
    dataset.status = JobStatus.completed
    dataset.kind = DatasetKind(report.kind)
    dataset.format = report.format
    dataset.sample_count = report.sample_count
    dataset.labeled_count = report.labeled_count
    dataset.class_names = list(report.class_names)
    dataset.columns = asdict(report.columns)
    dataset.warnings = list(report.warnings)
    announce_end(session, dataset)


def reject(session: Session, dataset_id: str, problem: dict[str, Any]) -> None:
    dataset = get_dataset(session, dataset_id)
    _delete_samples(session, dataset_id)
    dataset.in_bucket = False
    dataset.status = JobStatus.failed
    dataset.problem = problem
    announce_end(session, dataset)


def _delete_samples(session: Session, dataset_id: str) -> None:
    """Delete the samples that an earlier ingest, with other column roles, found."""
    session.execute(delete(Sample).where(Sample.dataset_id == dataset_id))


def mark_fetched(session: Session, dataset_id: str, received: Received) -> None:
    """Note that the file is in the storage now, and no longer only in the bucket."""
    dataset = get_dataset(session, dataset_id)
    dataset.sha256, dataset.in_bucket = received.sha256, False


def can_retry_with_columns(problem: dict[str, Any] | None) -> bool:
    """Whether a dataset rejected with this problem keeps its file for a day, to be read again."""
    return problem is not None and problem["type"] in SOLVABLE_BY_COLUMNS


def store_seen_columns(session: Session, dataset_id: str, columns: Sequence[SeenColumn]) -> None:
    """Store what the file's columns look like, even if it is rejected later."""
    get_dataset(session, dataset_id).seen_columns = [asdict(column) for column in columns]


def get_dataset(session: Session, dataset_id: str, *, lock: bool = False) -> Dataset:
    return get_row(session, Dataset, dataset_id, "dataset", lock=lock)


def get_ready_dataset(session: Session, dataset_id: str, *, lock: bool = False) -> Dataset:
    """The dataset, if it is ready; with `lock`, it stays so until the commit. Raises NotReady."""
    dataset = get_dataset(session, dataset_id, lock=lock)
    if dataset.status in UNFINISHED:
        raise NotReady("The dataset is still being read. Wait until its status is `completed`.")
    if dataset.status is JobStatus.failed:
        raise NotReady(
            "The file could not be read; the `problem` says why. Upload a corrected file."
        )
    return dataset


def list_datasets(session: Session, wanted: RowFilter, order: Order, limit: int) -> list[Dataset]:
    query = wanted.apply(select(Dataset), Dataset)
    return order.first(session, query, Dataset, limit)


def update_dataset(session: Session, dataset_id: str, changes: dict[str, Any]) -> Dataset:
    """Change the name, the description or the guidelines."""
    dataset = get_dataset(session, dataset_id)
    for field, value in changes.items():
        setattr(dataset, field, value)
    return dataset


def get_sample(session: Session, dataset_id: str, sample_id: str) -> Sample:
    sample = session.scalars(
        select(Sample).where(Sample.dataset_id == dataset_id, Sample.sample_id == sample_id)
    ).first()
    if sample is None:
        raise NotFound(f"The dataset has no sample {sample_id!r}.")
    return sample


def get_samples(session: Session, dataset_id: str, positions: Sequence[int]) -> dict[int, Sample]:
    """The samples at these positions, by position."""
    conditions = (Sample.dataset_id == dataset_id, Sample.position.in_(positions))
    return {
        sample.position: sample for sample in session.scalars(select(Sample).where(*conditions))
    }


def read_row(storage: Storage, dataset_id: str, position: int) -> dict[str, Any]:
    """One row of samples.parquet; reads only its row group."""
    return parquet_rows.read_row(
        storage.path(samples_key(dataset_id)), position, row_group=ROW_GROUP
    )


def read_rows(storage: Storage, dataset_id: str, first: int, count: int) -> list[dict[str, Any]]:
    """At most `count` rows of samples.parquet from the position `first` on."""
    path = storage.path(samples_key(dataset_id))
    return parquet_rows.read_rows(path, first, count, row_group=ROW_GROUP)


def content_of(dataset: Dataset, row: dict[str, Any]) -> dict[str, Any]:
    """What to show of a sample: its text, table row, image name or number of dimensions."""
    match dataset.kind:
        case DatasetKind.text:
            return {"text": row["text"]}
        case DatasetKind.table:
            prefix = "feature."
            return {
                "row": {
                    name.removeprefix(prefix): value
                    for name, value in row.items()
                    if name.startswith(prefix)
                }
            }
        case DatasetKind.image:
            return {"file": row["file"]}
        case DatasetKind.vector:
            return {"dimensions": len(row["embedding"])}
        case _:
            return {"dimensions": len(row["pred_probs"])}


@dataclass(frozen=True)
class Picture:
    """Where a sample's picture lies, and the name that its file had in the upload."""

    file: str
    place: Place


def find_picture(storage: Storage, dataset: Dataset, position: int) -> Picture:
    """Raises BadInput if the samples are no pictures."""
    if dataset.kind is not DatasetKind.image:
        raise BadInput(f"A {dataset.kind} dataset has no media.", type="no-media")
    row = read_row(storage, dataset.id, position)
    place = Place(
        media_path(storage, dataset.id),
        row["media_offset"],
        row["media_compressed"],
        row["media_size"],
        row["media_method"],
    )
    return Picture(row["file"], place)
