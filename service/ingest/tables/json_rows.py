"""JSON Lines and arrays of objects: keys may be missing (null)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from service.ingest.faults import refuse
from service.ingest.report import Limits
from service.ingest.source import BATCH_BYTES, BATCH_ROWS
from service.ingest.tables.annotation_tools import Tool, find_tool
from service.ingest.tables.json_text import Element, Layout, read_array, read_lines
from service.ingest.tables.json_values import KeyKind, bad_value

LINE_FIELDS = 16  # an object may be this many times as long as a field: a vector is one


class JsonSource:
    """A file of JSON objects. Reads all of it once when opened, to learn the keys."""

    def __init__(self, path: Path, limits: Limits, layout: Layout) -> None:
        self.path, self.limits, self.layout = path, limits, layout
        self.format = "jsonl" if layout == "lines" else "json"
        self.class_names: dict[str, list[str]] = {}
        self.progress = 0.0
        self.tool: Tool | None = None
        self._kinds: dict[str, KeyKind] = defaultdict(KeyKind)
        for row, element in self.elements():
            if row == 1:
                self.tool = find_tool(element.value)
            record = self.flatten(element)
            for key, value in record.items():
                self._kinds[key].add(value)
            if len(self._kinds) > limits.columns:
                detail = f"There are more than {limits.columns} keys; use one list instead."
                raise refuse("too-many-columns", detail, row=row)
        self.columns = tuple(self._kinds)
        named = {name: kind.unsupported for name, kind in self._kinds.items()}
        self.unsupported = {name: type for name, type in named.items() if type is not None}
        self.notes = [] if self.tool is None else [self.tool.note]
        listed = [name for name, kind in self._kinds.items() if kind.is_listed]
        if listed:
            self.notes.append(f"Lists of one value were read as that value: {', '.join(listed)}.")

    @property
    def longest(self) -> int:
        """Bytes that one object may have."""
        return self.limits.field * LINE_FIELDS

    def is_listed(self, column: str) -> bool:
        """Whether the column's values are lists of one value each."""
        return self._kinds[column].is_listed

    def elements(self) -> Iterator[tuple[int, Element]]:
        """1-based rows with their objects as they are written."""
        total = self.path.stat().st_size or 1
        read = 0
        reader = read_lines if self.layout == "lines" else read_array
        for row, element in enumerate(reader(self.path, self.longest), 1):
            if row > self.limits.rows:
                raise refuse("too-many-rows", f"The limit is {self.limits.rows} rows. Split it.")
            read += len(element.text) + len(element.before)
            if row % BATCH_ROWS == 0:
                self.progress = min(1.0, read / total)
            yield row, element
        self.progress = 1.0

    def flatten(self, element: Element) -> dict[str, Any]:
        """The object's keys and values as columns."""
        return element.value if self.tool is None else self.tool.flatten(element.value)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """A column has one type in all batches: string, number, bool, list of numbers or null."""
        wanted = list(self.columns if columns is None else columns)
        names = [name for name in wanted if name not in self.unsupported]
        held: list[dict[str, Any]] = []
        size = 0
        for row, element in self.elements():
            record = self.flatten(element)
            held.append({name: record.get(name) for name in names})
            size += sum(map(_weight, held[-1].values()))
            if len(held) == BATCH_ROWS or size > BATCH_BYTES:
                yield self._to_batch(held, names, row - len(held))
                held, size = [], 0
        if held:
            yield self._to_batch(held, names, row - len(held))

    def _to_batch(self, records: list[dict[str, Any]], names: list[str], before: int) -> Any:
        arrays = []
        for name in names:
            values = [record[name] for record in records]
            try:
                arrays.append(self._kinds[name].to_array(values))
            except (UnicodeEncodeError, pa.ArrowException, TypeError, OverflowError) as error:
                raise bad_value(values, name, before) from error
        if not names:
            return pa.RecordBatch.from_pydict({}).slice(0)
        return pa.RecordBatch.from_arrays(arrays, names=names)


def _weight(value: Any) -> int:
    return len(value) * (8 if isinstance(value, list) else 1) if hasattr(value, "__len__") else 8
