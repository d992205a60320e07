"""Writes `samples.parquet` in row groups of 1024; the file appears only when it is complete."""

import os
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from service.ingest.origin import Origin
from service.storage.atomic import publish

ROW_GROUP = 1024
SAMPLES = "samples.parquet"
PRIOR_SPLIT = "prior_split"  # the split that the upload had each sample in
MEDIA = "media"  # the pictures' bytes, where they do not lie in the upload itself


class SamplesWriter:
    """Takes batches of any size. Leaving the block without `commit` removes what was written."""

    def __init__(self, destination: Path) -> None:
        self.destination = destination
        self.rows = 0
        self._held: list[Any] = []
        self._held_rows = 0
        self._writer: Any = None

    def __enter__(self) -> "SamplesWriter":
        self.destination.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.destination, prefix=".samples.", suffix=".part")
        self._file = os.fdopen(handle, "wb")
        self._part = Path(name)
        return self

    def write(self, columns: dict[str, Any]) -> None:
        """Append rows. Every batch has the same columns and types."""
        batch = pa.RecordBatch.from_pydict(columns)
        self._held.append(batch)
        self._held_rows += batch.num_rows
        self.rows += batch.num_rows
        while self._held_rows >= ROW_GROUP:
            self._flush(ROW_GROUP)

    def _flush(self, rows: int) -> None:
        table = pa.Table.from_batches(self._held)
        if self._writer is None:
            self._writer = _open_writer(self._file, table.schema)
        self._writer.write_table(table.slice(0, rows), row_group_size=ROW_GROUP)
        rest = table.slice(rows)
        self._held = rest.to_batches() if rest.num_rows else []
        self._held_rows = rest.num_rows

    def commit(self, origin: Origin) -> Path:
        """Publish the file under its name."""
        if self._held_rows:
            self._flush(self._held_rows)
        self._writer.add_key_value_metadata(origin.as_metadata())
        self._writer.close()
        self._writer = None
        self._file.close()
        target = self.destination / SAMPLES
        publish(self._part, target)
        return target

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()
        self._file.close()
        self._part.unlink(missing_ok=True)


def _open_writer(file: Any, schema: Any) -> Any:
    vectors = {f.name for f in schema if pa.types.is_nested(f.type)}
    words = {"given_label", *(f.name for f in schema if f.name.startswith("feature."))}
    dictionaries = [f.name for f in schema if f.name in words and pa.types.is_string(f.type)]
    return pq.ParquetWriter(
        file,
        schema,
        compression={
            # pyarrow names a list's values by their path
            _leaf(schema, f.name): "none" if f.name in vectors else "zstd"
            for f in schema
        },
        use_dictionary=dictionaries or False,
        write_statistics=False,
        store_schema=True,
    )


def _leaf(schema: Any, name: str) -> str:
    return f"{name}.list.element" if pa.types.is_nested(schema.field(name).type) else name
