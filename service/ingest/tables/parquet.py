"""Parquet: the expanded size is bounded before and while it is read."""

import itertools
import json
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from service.core.errors import BadDataset
from service.ingest.faults import refuse
from service.ingest.report import Limits
from service.ingest.source import BATCH_BYTES, BATCH_ROWS
from service.ingest.tables.arrow_types import (
    find_pictures,
    find_unsupported,
    is_bytes,
    is_image_struct,
    is_text,
    is_vector,
    plain,
    read_columns,
    simplify,
)

# Arrow would otherwise hold all that a row group has of a column.
STREAMED: dict[str, Any] = {"pre_buffer": False, "buffer_size": 1 << 20}
WORST_BATCH = 64 << 20
LARGE_BATCH_ROWS = 8 * BATCH_ROWS  # of row groups that fit in one batch: each batch has its cost
LEAST_WIDTH = 4  # the place of a string in a dictionary, or of a list among the others
INVALID = (pa.ArrowException, OSError, ValueError)


class ParquetSource:
    """A Parquet file, read in batches that are small where its strings are long."""

    format = "parquet"

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self.limits = limits
        self.notes: list[str] = []
        self.progress = 0.0
        try:
            schema = pq.read_schema(path)
            self._file = pq.ParquetFile(path, **STREAMED)
        except INVALID as error:
            raise refuse("parquet-invalid", f"The Parquet file cannot be read: {error}.") from error
        self.schema = schema
        self.columns = tuple(schema.names)
        self.unsupported: dict[str, str] = {}
        self.index_columns = find_index_columns(schema)
        described = {name: find_class_label(schema, name) for name in schema.names}
        self.class_names = {name: names for name, names in described.items() if names}
        self._check_size()
        try:
            self._batch_rows = self._plan_batches()
            self.pictures = find_pictures(schema, self._first_row())
            self.unsupported = find_unsupported(schema, self.pictures)
        except INVALID as error:
            raise refuse("parquet-invalid", f"The Parquet file is damaged: {error}.") from error

    def _first_row(self) -> Any:
        names = [field.name for field in self.schema if is_bytes(field.type)]
        if not names or not self._file.metadata.num_row_groups:
            return None
        rows = self._file.iter_batches(1, row_groups=[0], columns=names, use_threads=False)
        return next(rows, None)

    def _check_size(self) -> None:
        metadata = self._file.metadata
        if len(set(self.columns)) < len(self.columns):
            raise refuse("parquet-invalid", "Two columns have the same name. Rename one of them.")
        if metadata.num_columns > self.limits.columns:
            detail = f"The file has {metadata.num_columns} columns; the limit is "
            raise refuse("parquet-too-large", f"{detail}{self.limits.columns}.")
        if metadata.num_rows > self.limits.rows:
            detail = f"The file has {metadata.num_rows} rows; the limit is {self.limits.rows}."
            raise refuse("parquet-too-large", detail)
        # What pyarrow tells of a single column is not used: it ends the process if that is damaged.
        size = metadata.num_rows * sum(_width(field.type) for field in self.schema)
        if size > self.limits.unpacked_table:
            detail = f"The file expands to {size} bytes; the limit is {self.limits.unpacked_table}."
            raise refuse("parquet-too-large", detail)

    def _plan_batches(self) -> list[int]:
        """Rows of a batch, for each row group: as many as surely fit in memory.

        A dictionary holds a long string once for any number of rows, so neither the file's size nor
        its metadata tells what the rows expand to. The dictionary itself does: it comes along when
        one row is read.
        """
        texts = [field.name for field in self.schema if _is_long(plain(field.type))]
        lists = [n for n, t in zip(self.columns, self.schema.types, strict=True) if is_vector(t)]
        metadata = self._file.metadata
        groups = range(metadata.num_row_groups)
        # what a row takes beside its strings and lists
        rest = 8 * (len(self.columns) - len(texts) - len(lists)) or 1
        most = [
            LARGE_BATCH_ROWS if metadata.row_group(n).total_byte_size <= WORST_BATCH else BATCH_ROWS
            for n in groups
        ]
        images = [f.name for f in self.schema if is_image_struct(plain(f.type))]
        if not texts + lists + images:
            return [max(1, min(rows, WORST_BATCH // rest)) for rows in most]
        plan = []
        with pq.ParquetFile(self.path, read_dictionary=texts, **STREAMED) as file:
            for group in groups:
                rows = file.iter_batches(
                    1, row_groups=[group], columns=texts + lists + images, use_threads=False
                )
                first = next(rows, None)
                widest = rest + (0 if first is None else self._widest_row(first))
                if images:  # what an image takes on average
                    count = metadata.row_group(group).num_rows or 1
                    widest = max(widest, metadata.row_group(group).total_byte_size // count)
                plan.append(max(1, min(most[group], WORST_BATCH // widest)))
        return plan

    def _widest_row(self, batch: Any) -> int:
        """Bytes of a row with the longest of the known strings and lists as long as the first."""
        total = 0
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if is_vector(column.type):
                total += 8 * (pc.max(pc.list_value_length(column)).as_py() or 0)
                continue
            if is_image_struct(column.type):
                total += column.nbytes
                continue
            values = column.dictionary if pa.types.is_dictionary(column.type) else column
            longest = pc.max(pc.binary_length(simplify(values, picture=True))).as_py() or 0
            if longest > self._longest(values.type):
                raise self._too_long(name)
            total += longest
        return total

    def _longest(self, type: Any) -> int:
        """Bytes that one value may have: those of a text, or of a picture."""
        return self.limits.archive_member if is_bytes(type) else self.limits.field

    def _too_long(self, name: str) -> BadDataset:
        detail = f"A value of {name} is longer than {self.limits.field} bytes."
        return refuse("parquet-too-large", detail, column=name)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Supported columns, strings decoded."""
        names = self.columns if columns is None else columns
        wanted = [name for name in names if name not in self.unsupported]
        for batch in self._raw_batches(wanted):
            yield from self._split(read_columns(batch, wanted, self.pictures))

    def _split(self, batch: Any) -> Iterator[Any]:
        """The batch, halved until it fits BATCH_BYTES; refuses values that are too long."""
        size = 0
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if _is_long(column.type):
                lengths = pc.binary_length(column)
                if (pc.max(lengths).as_py() or 0) > self._longest(column.type):
                    raise self._too_long(name)
                size += pc.sum(lengths).as_py() or 0
        if size <= BATCH_BYTES or batch.num_rows <= 1:
            yield batch
            return
        middle = batch.num_rows // 2
        yield from self._split(batch.slice(0, middle))
        yield from self._split(batch.slice(middle))

    def whole_batches(self) -> Iterator[Any]:
        """Every column in the type it is stored as, for exports that must not touch them."""
        for batch in self._raw_batches():
            yield pa.RecordBatch.from_arrays(batch.columns, schema=self.schema)

    def _raw_batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        total = self._file.metadata.num_rows or 1
        read = 0
        names = None if columns is None else list(columns)
        try:
            for rows, groups in itertools.groupby(enumerate(self._batch_rows), itemgetter(1)):
                for batch in self._file.iter_batches(
                    rows,
                    row_groups=[group for group, _ in groups],
                    columns=names,
                    use_threads=False,
                ):
                    _validate(batch)
                    read += batch.num_rows
                    self.progress = read / total
                    # Arrow returns columns in the file's order, not in the order asked for.
                    yield batch if names is None else batch.select(names)
        except INVALID as error:
            detail = f"The Parquet file is damaged after row {read}: {error}."
            raise refuse("parquet-invalid", detail) from error


def _is_long(type: Any) -> bool:
    """True for strings and bytes, whose values may have any length."""
    return is_text(type) or is_bytes(type)


def _width(type: Any) -> int:
    """Bytes that a value takes at the least."""
    if pa.types.is_fixed_size_list(type):
        return int(type.list_size) * _width(type.value_type)
    try:
        return max(1, int(type.bit_width) // 8)
    except ValueError:  # no fixed width
        return LEAST_WIDTH


def _validate(batch: Any) -> None:
    """Raises pa.ArrowInvalid for text that is no UTF-8 and for codes without a category."""
    batch.validate(full=True)
    for column in batch.columns:
        if pa.types.is_dictionary(column.type):
            column.dictionary.validate(full=True)


def find_index_columns(schema: Any) -> frozenset[str]:
    """Columns that pandas keeps its index in, which tell nothing but where a row stood."""
    try:
        described = json.loads((schema.metadata or {})[b"pandas"])["index_columns"]
        return frozenset(name for name in described if isinstance(name, str))
    except (KeyError, ValueError, AttributeError, TypeError):
        return frozenset()


def find_class_label(schema: Any, column: str) -> list[str] | None:
    """Class names of an integer column that the `datasets` library describes as a ClassLabel."""
    try:
        described = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        feature = described[column]
        names = [str(name) for name in feature["names"]]
    except (KeyError, ValueError, AttributeError, TypeError):
        return None
    integer = pa.types.is_integer(schema.field(column).type)
    return names if integer and feature.get("_type") == "ClassLabel" else None
