"""Upload -> samples.parquet and the sample rows."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from service import annotators, datasets
from service.ingest import Allowance, ColumnRoles, SeenColumn, ingest_confined
from service.steps import Claim
from worker.runner import Hold, Save, Worker


def run_ingest(worker: Worker, claim: Claim, hold: Hold) -> Save:
    """Upload -> samples.parquet and the sample rows."""
    dataset_id = claim.subject_id
    with worker.database.read() as session:
        dataset = datasets.get_dataset(session, dataset_id)
    requested = dict(dataset.requested_columns or {})
    for role in ("features", "ignored"):
        if role in requested:
            requested[role] = tuple(requested[role])

    def tell_columns(columns: list[SeenColumn]) -> None:
        with worker.database.write() as session:
            datasets.saw_columns(session, dataset_id, columns)

    settings = worker.settings
    report = ingest_confined(
        worker.storage.path(datasets.upload_key(dataset_id)),
        filename=dataset.filename,
        roles=ColumnRoles(**requested),
        destination=worker.storage.path(datasets.folder(dataset_id)),
        allowance=Allowance(settings.ingest_memory_bytes, settings.ingest_seconds),
        on_progress=hold,
        on_columns=tell_columns,
    )
    annotators.write_annotators(worker.storage, dataset_id, report.class_names, report.sample_count)
    samples = worker.storage.path(datasets.samples_key(dataset_id))
    return lambda session: datasets.publish(
        session, dataset_id, report, _sample_rows(samples, report.class_names)
    )


def _sample_rows(samples: Path, class_names: list[str]) -> Iterator[tuple[int, str, int | None]]:
    index = {name: number for number, name in enumerate(class_names)}
    position = 0
    with pq.ParquetFile(samples, pre_buffer=False) as file:
        for batch in file.iter_batches(columns=["sample_id", "given_label"]):
            ids, labels = (column.to_pylist() for column in batch.columns)
            for sample_id, label in zip(ids, labels, strict=True):
                yield position, sample_id, None if label is None else index[label]
                position += 1
