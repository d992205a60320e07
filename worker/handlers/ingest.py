"""Upload -> samples.parquet and the sample rows."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from service.datasets import records as datasets
from service.datasets import votes
from service.ingest import (
    Allowance,
    ColumnRoles,
    SeenColumn,
    ingest_confined,
)
from service.jobs.records import Claim
from worker.handlers.bucket_fetch import fetch
from worker.runtime.context import Commit, Worker
from worker.runtime.lease import JobLease

BATCH = 16_384  # rows on their way into the database at once
FETCHING = 0.5  # of the progress of an upload that lies in the bucket


def run_ingest(worker: Worker, claim: Claim, lease: JobLease) -> Commit:
    """Upload -> samples.parquet and the sample rows."""
    dataset_id = claim.subject_id
    with worker.database.read() as session:
        dataset = datasets.get_dataset(session, dataset_id)
    done = 0.0
    if dataset.in_bucket:
        fetch(worker, dataset, lambda share: lease.report(FETCHING * share))
        done = FETCHING
    requested = dict(dataset.requested_columns or {})
    for role in ("features", "ignored"):
        if role in requested:
            requested[role] = tuple(requested[role])

    def store_columns(columns: list[SeenColumn]) -> None:
        with worker.database.write() as session:
            datasets.store_seen_columns(session, dataset_id, columns)

    settings = worker.settings
    report = ingest_confined(
        worker.storage.path(datasets.upload_key(dataset_id)),
        filename=dataset.filename,
        roles=ColumnRoles(**requested),
        destination=worker.storage.path(datasets.folder(dataset_id)),
        allowance=Allowance(
            settings.ingest_memory_bytes,
            settings.ingest_seconds,
            settings.reads_without_network_only,
        ),
        on_progress=lambda share: lease.report(done + (1 - done) * share),
        on_columns=store_columns,
    )
    votes.write_annotators(worker.storage, dataset_id, report.class_names, report.sample_count)
    samples = worker.storage.path(datasets.samples_key(dataset_id))
    return lambda session: datasets.publish(
        session, dataset_id, report, _sample_rows(samples, report.class_names)
    )


def _sample_rows(samples: Path, class_names: list[str]) -> Iterator[pa.RecordBatch]:
    classes = pa.array(class_names, pa.string())
    position = 0
    with pq.ParquetFile(samples, pre_buffer=False) as file:
        for batch in file.iter_batches(BATCH, columns=["sample_id", "given_label"]):
            end = position + batch.num_rows
            yield pa.record_batch(
                {
                    "position": pa.array(range(position, end), pa.int64()),
                    "sample_id": batch.column("sample_id"),
                    "given_label": pc.index_in(batch.column("given_label"), value_set=classes),
                }
            )
            position = end
