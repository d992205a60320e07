"""JSON Lines: one object a line, keys may be missing (null)."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from service.core.errors import BadDataset
from service.ingest.faults import refuse
from service.ingest.report import Limits
from service.ingest.source import BATCH_BYTES, BATCH_ROWS

LINE_FIELDS = 16  # a line may be this many times as long as a field: a vector is one line
INT64 = 1 << 63


class JsonLinesSource:
    """A JSON Lines file. Reads all of it once when opened, to learn the keys."""

    format = "jsonl"

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self.limits = limits
        self.unsupported: dict[str, str] = {}
        self.class_names: dict[str, list[str]] = {}
        self.progress = 0.0
        names: dict[str, None] = {}
        for row, record in self.rows():
            if record.keys() - names.keys():
                names.update(dict.fromkeys(record))
            if len(names) > limits.columns:
                detail = f"There are more than {limits.columns} keys; use one list instead."
                raise refuse("too-many-columns", detail, row=row)
            for key, value in record.items():
                if isinstance(value, dict):
                    self.unsupported.setdefault(key, "object")
        self.columns = tuple(names)

    def rows(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """1-based rows with their objects; blank lines count for nothing."""
        longest = self.limits.field * LINE_FIELDS
        total = self.path.stat().st_size or 1
        row = 0
        with self.path.open("rb") as file:
            while line := file.readline(longest + 1):
                if len(line) > longest:
                    raise refuse("line-too-long", f"A line exceeds {longest} bytes.", row=row + 1)
                if row == 0:
                    line = line.removeprefix(b"\xef\xbb\xbf")
                if not line.strip():
                    continue
                row += 1
                if row % BATCH_ROWS == 0:
                    self.progress = file.tell() / total
                if row > self.limits.rows:
                    detail = f"The limit is {self.limits.rows} rows. Split the file."
                    raise refuse("too-many-rows", detail)
                yield row, _parse(line, row, file.tell() - len(line))
        self.progress = 1.0

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """A column's type is that of the batch: string, number, bool, list of numbers or null."""
        wanted = list(self.columns if columns is None else columns)
        names = [name for name in wanted if name not in self.unsupported]
        held: list[dict[str, Any]] = []
        size = 0
        for row, record in self.rows():
            held.append(record)
            size += sum(map(_weight, record.values()))
            if len(held) == BATCH_ROWS or size > BATCH_BYTES:
                yield _to_batch(held, names, row - len(held))
                held, size = [], 0
        if held:
            yield _to_batch(held, names, row - len(held))


def _weight(value: Any) -> int:
    return len(value) * (8 if isinstance(value, list) else 1) if hasattr(value, "__len__") else 8


def _parse(line: bytes, row: int, offset: int) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except UnicodeDecodeError as error:
        detail = f"Byte {offset + error.start} is not UTF-8. Save the file as UTF-8."
        raise refuse("invalid-encoding", detail, row=row) from error
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        detail = f"Row {row} is not a JSON object: {reason}. Write one object per line."
        raise refuse("json-invalid", detail, row=row) from error
    if not isinstance(record, dict):
        detail = f"Row {row} is not a JSON object. Write one object per line."
        raise refuse("json-invalid", detail, row=row)
    return record


def _to_batch(records: list[dict[str, Any]], names: list[str], before: int) -> Any:
    arrays = []
    for name in names:
        values = [record.get(name) for record in records]
        try:
            arrays.append(_to_array(values))
        except (UnicodeEncodeError, pa.ArrowException, TypeError) as error:
            raise _bad_value(values, name, before) from error
    return pa.RecordBatch.from_arrays(arrays, names=names)


def _to_array(values: list[Any]) -> Any:
    types = {type(value) for value in values if value is not None}
    if not types:
        return pa.nulls(len(values))
    if types == {str}:
        return pa.array(values, pa.string())
    if types == {bool}:
        return pa.array(values, pa.bool_())
    if types == {int} and all(v is None or -INT64 <= v < INT64 for v in values):
        return pa.array(values, pa.int64())
    if types == {float} or types == {int, float}:
        return pa.array([None if v is None else float(v) for v in values], pa.float64())
    if types == {list}:
        return pa.array(values, pa.list_(pa.float64()))
    if list in types:
        raise TypeError("lists beside other values")
    texts = [v if v is None or isinstance(v, str) else json.dumps(v) for v in values]
    return pa.array(texts, pa.string())


def _bad_value(values: list[Any], name: str, before: int) -> BadDataset:
    """Find the one value of a batch that Arrow could not take."""
    for row, value in enumerate(values, before + 1):
        if isinstance(value, str) and not _is_unicode(value):
            detail = f"Row {row}, {name}: half of a surrogate pair is not a character. Remove it."
            return refuse("invalid-character", detail, row=row, column=name)
        if isinstance(value, list):
            try:
                pa.array(value, pa.float64())
            except (pa.ArrowException, TypeError):
                detail = f"Row {row}, {name}: a list may only contain numbers."
                return refuse("column-type-unsupported", detail, row=row, column=name)
    detail = f"Column {name} mixes lists with other values."
    return refuse("column-type-unsupported", detail, row=before + 1, column=name)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
