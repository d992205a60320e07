"""What reading an upload, exporting it and sending it cost, beside a bare COPY of the same rows.

    python -m benchmarks.ingest [--rows 1000000] [--owner]

The worker connects as the service's own role, as it is deployed. Starts a Postgres server of its
own and leaves nothing behind.
"""

import argparse
import multiprocessing
import os
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from labelaudit.enums import Role
from service.accounts.api_keys import create_key
from service.core.config import Settings
from service.datasets import records as datasets
from service.db import migrate
from service.db.engine import Database
from service.exports import records as exports
from service.storage.local import Received
from tests.drills.stack import for_the_service
from tests.support.servers import private_postgres
from worker.handlers.registry import HANDLERS
from worker.runtime.context import Worker
from worker.runtime.runner import run_one

MB = 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--owner", action="store_true", help="connect as the tables' owner")
    options = parser.parse_args()
    rows = options.rows
    with tempfile.TemporaryDirectory() as name, private_postgres() as server:
        folder = Path(name)
        apart = multiprocessing.get_context("spawn").Pool(1)  # so that this process stays small
        upload = apart.apply(write_upload, (folder / "million.parquet", rows))
        url = server.url if options.owner else for_the_service(server)
        settings = Settings(
            data_dir=folder, database_url=url, free_space_watermark_bytes=0, workers=0
        )
        database = Database(settings.resolved_database_url)
        if options.owner:
            migrate.upgrade(database)
        bare, copied = apart.apply(copy_rows, (server.url, upload))
        apart.terminate()
        print(f"COPY of the {rows:,} sample rows: {copied:.2f} s; without foreign key {bare:.2f} s")
        worker = Worker.open(settings, {"cpu"}, HANDLERS)
        before = own_peak()
        with ReadersMemory() as readers:
            ingested, dataset_id = ingest(worker, database, upload)
        print(
            f"ingest of {upload.stat().st_size / MB:.0f} MB of Parquet: {ingested:.2f} s, "
            f"{rows / ingested:,.0f} rows/s, {copied / ingested:.2f} of COPY's speed "
            f"({bare / ingested:.2f} of COPY's without the foreign key)"
        )
        print(
            f"  most memory of the reading process: {readers.most / MB:.0f} MB; "
            f"of the worker: {own_peak() / MB:.0f} MB, {before / MB:.0f} MB of them before"
        )
        for format in ("csv", "parquet"):
            seconds = export(worker, database, dataset_id, format)
            print(f"export as {format}: {seconds:.2f} s, {rows / seconds:,.0f} rows/s")
        print(f"  most memory of this process, the worker: {own_peak() / MB:.0f} MB")
        worker.database.dispose()
        database.dispose()
        measure_upload(folder, url)


def write_upload(path: Path, rows: int) -> Path:
    """Rows of an id, a label and four numbers."""
    rng = np.random.default_rng(0)
    names = np.array(["cat", "dog", "fox", "hen"])
    table = pa.table(
        {
            "sample_id": [f"sample-{row:08d}" for row in range(rows)],
            "label": names[rng.integers(0, 4, rows)],
            **{f"f_{name}": rng.normal(size=rows) for name in "abcd"},
        }
    )
    pq.write_table(table, path)
    return path


def copy_rows(url: str, upload: Path) -> tuple[float, float]:
    """Seconds of COPY alone, the same rows made beforehand: into a table like that of the samples
    without its foreign key, and with it, which Postgres checks row by row."""
    labels = {"cat": 0, "dog": 1, "fox": 2, "hen": 3}
    table = pq.read_table(upload, columns=["sample_id", "label"])
    text = "".join(
        f"ds_copy\t{position}\t{sample_id}\t{labels[label]}\n"
        for position, (sample_id, label) in enumerate(
            zip(table["sample_id"].to_pylist(), table["label"].to_pylist(), strict=True)
        )
    ).encode()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE copied (LIKE sample INCLUDING ALL)")
        bare = copy_text(connection, text)
        connection.execute("CREATE TABLE copied_dataset AS SELECT 'ds_copy' AS id")
        connection.execute("ALTER TABLE copied_dataset ADD PRIMARY KEY (id)")
        connection.execute(
            "ALTER TABLE copied ADD FOREIGN KEY (dataset_id) REFERENCES copied_dataset"
        )
        checked = copy_text(connection, text)
        connection.execute("DROP TABLE copied, copied_dataset")
    return bare, checked


def copy_text(connection: psycopg.Connection, text: bytes) -> float:
    connection.execute("TRUNCATE copied")
    connection.commit()
    started = time.monotonic()
    with connection.cursor().copy(
        "COPY copied (dataset_id, position, sample_id, given_label) FROM STDIN"
    ) as copy:
        copy.write(text)
    connection.commit()
    return time.monotonic() - started


def ingest(worker: Worker, database: Database, upload: Path) -> tuple[float, str]:
    """Seconds from the queued job to the visible dataset, and its id."""
    from service.core.principal import Principal

    dataset_id = f"ds_{uuid4().hex[:20]}"
    with worker.storage.writing(datasets.upload_key(dataset_id)) as path:
        path.write_bytes(upload.read_bytes())
    with database.write() as session:
        datasets.create_dataset(
            session,
            dataset_id=dataset_id,
            name="million",
            filename=upload.name,
            received=Received(upload.stat().st_size, "0" * 64),
            columns=None,
            principal=Principal("k", "bench", Role.uploader),
        )
    started = time.monotonic()
    assert run_one(worker)
    seconds = time.monotonic() - started
    with database.read() as session:
        dataset = datasets.get_ready_dataset(session, dataset_id)
        assert dataset.sample_count > 0
    return seconds, dataset_id


def export(worker: Worker, database: Database, dataset_id: str, format: str) -> float:
    """Seconds of one export."""
    from service.core.principal import Principal

    with database.write() as session:
        exports.start_export(
            session,
            dataset_id,
            format=format,
            dataset_version=None,
            principal=Principal("k", "bench", Role.uploader),
        )
    started = time.monotonic()
    assert run_one(worker)
    return time.monotonic() - started


class ReadersMemory:
    """The most memory that any reading process had while the block ran."""

    def __enter__(self) -> "ReadersMemory":
        self.most = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            for command in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError, LookupError):
                    if b"service.ingest.process" in command.read_bytes():
                        peak = memory_of(int(command.parent.name), "VmHWM")
                        self.most = max(self.most, peak)


def own_peak() -> int:
    return memory_of(os.getpid(), "VmHWM")


def measure_upload(folder: Path, url: str, megabytes: int = 512) -> None:
    """A large file through the client to a server of its own."""
    from labelaudit import Client
    from tests.support.processes import deployed

    path = folder / "large.bin"
    block = np.random.default_rng(0).bytes(1 << 20)
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(block)
    (folder / "api").mkdir()
    with deployed(folder / "api", database_url=url) as deployment:
        api = deployment.api()
        with deployment.database() as database, database.write() as session:
            _, token = create_key(session, name="bench", role=Role.admin)
        with Client(f"http://127.0.0.1:{deployment.port}", token) as client:
            client.upload(write_small(folder), wait=False)
            before = memory_of(api.pid, "VmRSS")
            started = time.monotonic()
            client.upload(path, wait=False)
            seconds = time.monotonic() - started
        grown = memory_of(api.pid, "VmHWM") - before
        print(
            f"resumable upload of {megabytes} MiB, hashed by both sides: "
            f"{megabytes * (1 << 20) / MB / seconds:.0f} MB/s; the API grew by {grown / MB:.0f} MB"
        )


def write_small(folder: Path) -> Path:
    path = folder / "small.csv"
    path.write_text("label,text\n" + "a,some words\nb,other words\n" * 20)
    return path


def memory_of(pid: int, name: str) -> int:
    """`VmRSS` (now) or `VmHWM` (the most ever), in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


if __name__ == "__main__":
    main()
