"""Arrow IPC files and streams: Feather, and what the `datasets` library saves to disk."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from service.ingest.faults import refuse
from service.ingest.report import Limits
from service.ingest.source import BATCH_ROWS
from service.ingest.tables.arrow_types import find_pictures, find_unsupported, read_columns
from service.ingest.tables.parquet import find_class_label, find_index_columns

FILE_MAGIC = b"ARROW1"
STREAM_MAGIC = b"\xff\xff\xff\xff"
INVALID = (pa.ArrowException, OSError, ValueError)


class ArrowSource:
    """An Arrow file or stream, read batch by batch from a map of the file."""

    format = "arrow"

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path, self.limits = path, limits
        self.notes: list[str] = []
        self.progress = 0.0
        with path.open("rb") as file:
            self.is_file = file.read(len(FILE_MAGIC)) == FILE_MAGIC
        first = None
        try:
            with self._open() as reader:
                self.schema = reader.schema
                self._check_columns()
                for batch in self._batches_of(reader):
                    first = batch
                    break
        except INVALID as error:
            raise refuse("arrow-invalid", f"The Arrow file cannot be read: {error}.") from error
        schema = self.schema
        self.columns = tuple(schema.names)
        self.index_columns = find_index_columns(schema)
        described = {name: find_class_label(schema, name) for name in schema.names}
        self.class_names = {name: names for name, names in described.items() if names}
        self.pictures = find_pictures(schema, first)
        self.unsupported = find_unsupported(schema, self.pictures)

    def _check_columns(self) -> None:
        names = self.schema.names
        if len(set(names)) < len(names):
            raise refuse("arrow-invalid", "Two columns have the same name. Rename one of them.")
        if len(names) > self.limits.columns:
            detail = f"The file has {len(names)} columns; the limit is {self.limits.columns}."
            raise refuse("too-many-columns", detail)

    def _open(self) -> Any:
        mapped = pa.memory_map(str(self.path))
        return pa.ipc.open_file(mapped) if self.is_file else pa.ipc.open_stream(mapped)

    def _batches_of(self, reader: Any) -> Iterator[Any]:
        if not self.is_file:
            yield from reader
            return
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)

    def whole_batches(self) -> Iterator[Any]:
        """Every column in the type it is stored as, in the file's batches, checked."""
        rows = 0
        total = self.path.stat().st_size or 1
        try:
            with self._open() as reader:
                for batch in self._batches_of(reader):
                    batch.validate(full=True)
                    rows += batch.num_rows
                    if rows > self.limits.rows:
                        raise refuse("too-many-rows", f"The limit is {self.limits.rows} rows.")
                    yield batch
                    self.progress = min(1.0, self.progress + batch.nbytes / total)
        except INVALID as error:
            detail = f"The Arrow file is damaged after row {rows}: {error}."
            raise refuse("arrow-invalid", detail) from error

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Supported columns in simple types, in small batches."""
        names = self.columns if columns is None else columns
        wanted = [name for name in names if name not in self.unsupported]
        self.progress = 0.0
        for whole in self.whole_batches():
            for start in range(0, whole.num_rows, BATCH_ROWS):
                batch = read_columns(whole.slice(start, BATCH_ROWS), wanted, self.pictures)
                self._check_lengths(batch)
                yield batch
        self.progress = 1.0

    def _check_lengths(self, batch: Any) -> None:
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            if pa.types.is_string(array.type) and array.nbytes > self.limits.field:
                longest = pc.max(pc.binary_length(array)).as_py() or 0
                if longest > self.limits.field:
                    detail = f"A value of {name} is longer than {self.limits.field} bytes."
                    raise refuse("arrow-invalid", detail, column=name)
