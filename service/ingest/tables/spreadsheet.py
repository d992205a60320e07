"""Spreadsheets (xlsx, xls, ods), read by calamine: the first sheet with a column of labels, else
the first that holds a table."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from service.core.errors import UnsupportedMediaType
from service.ingest.archives.zips import open_zip
from service.ingest.columns.column_names import LABELS
from service.ingest.faults import Faults, refuse
from service.ingest.report import Limits
from service.ingest.source import BATCH_ROWS

UNPACKED = 1 << 30  # bytes of the XML, which are read at once
TAIL = 1 << 20  # bytes at the end of a zip, where its directory lies
XLSX_PARTS = (b"[Content_Types].xml", b"xl/workbook.xml")
XLSX_FIRST = (b"[Content_Types].xml", b"_rels/", b"docProps/", b"xl/")
ODS_START = b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet"
NAME_AT = 30  # of a local header


def is_spreadsheet(path: Path) -> bool:
    """True for a zip that is an xlsx or an ods, by its bytes: its directory is not trusted yet."""
    with path.open("rb") as file:
        head = file.read(512)
        if ODS_START in head:
            return True
        if not head[NAME_AT:].startswith(XLSX_FIRST):
            return False
        file.seek(max(0, path.stat().st_size - TAIL))
        tail = file.read()
    return all(part in tail for part in XLSX_PARTS)


class SpreadsheetSource:
    """A sheet with a header row. All of it is held, so its size is bounded."""

    format = "spreadsheet"

    def __init__(self, path: Path, limits: Limits) -> None:
        from python_calamine import CalamineError, CalamineWorkbook

        self.limits = limits
        self.unsupported: dict[str, str] = {}
        self.class_names: dict[str, list[str]] = {}
        self.notes: list[str] = []
        self.progress = 0.0
        with path.open("rb") as file:
            if file.read(2) == b"PK":
                open_zip(path, _bounded(limits))
        try:
            workbook = CalamineWorkbook.from_path(str(path))
            filled = [(name, workbook.get_sheet_by_name(name)) for name in workbook.sheet_names]
        except CalamineError as error:
            detail = f"The spreadsheet cannot be read ({error}). Save the sheet as CSV."
            raise UnsupportedMediaType(detail) from error
        filled = [(name, sheet) for name, sheet in filled if sheet.height > 1]
        if not filled:
            raise refuse("too-few-samples", "The spreadsheet has no sheet with rows.")
        name, self._sheet = max(filled, key=lambda named: _likeness(named[1]))
        if len(filled) > 1:
            others = ", ".join([other for other, _ in filled if other != name][:4])
            self.notes.append(f"Read the sheet {name}; the other sheets were not read: {others}.")
        rows = self._cells()
        header = next(rows, [])
        self.columns = self._name_columns(header)
        self._kinds: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            for column, value in zip(self.columns, row, strict=True):
                if value != "":
                    self._kinds[column].add(_kind(value))

    def _cells(self) -> Iterator[list[Any]]:
        """Rows that are not empty, the header first."""
        for row in self._sheet.iter_rows():
            if any(value != "" for value in row):
                yield row

    def _name_columns(self, header: list[Any]) -> tuple[str, ...]:
        if len(header) > self.limits.columns:
            detail = f"The sheet has {len(header)} columns; the limit is {self.limits.columns}."
            raise refuse("too-many-columns", detail)
        names = [_spell(v).strip() or f"unnamed_{place}" for place, v in enumerate(header)]
        faults = Faults("csv-malformed", "Two columns have the same name. Rename one of them.")
        for name in sorted({name for name in names if names.count(name) > 1}):
            faults.add("named more than once", column=name)
        faults.raise_if_any()
        return tuple(names)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Numbers, dates and booleans where a column holds nothing else, otherwise strings."""
        wanted = list(self.columns if columns is None else columns)
        places = [self.columns.index(name) for name in wanted]
        rows = self._cells()
        next(rows, None)
        held: list[list[Any]] = []
        for read, row in enumerate(rows, 1):
            held.append(row)
            if len(held) == BATCH_ROWS:
                self.progress = read / max(1, self._sheet.height)
                yield self._to_batch(held, wanted, places)
                held = []
        if held:
            yield self._to_batch(held, wanted, places)
        self.progress = 1.0

    def _to_batch(self, rows: list[list[Any]], names: list[str], places: list[int]) -> Any:
        arrays = [
            _to_array([row[place] for row in rows], self._kinds[name])
            for name, place in zip(names, places, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, names=names)


def _likeness(sheet: Any) -> tuple[bool, bool]:
    """How much a sheet looks like samples: whether its first row names a label, and whether it has
    several columns. Other sheets are notes and legends."""
    rows = (row for row in sheet.iter_rows() if any(value != "" for value in row))
    header: list[Any] = next(rows, [])
    names = {_spell(value).strip().lower() for value in header}
    return bool(names & set(LABELS)), len([name for name in names if name]) > 1


def _bounded(limits: Limits) -> Limits:
    return replace(limits, archive_unpacked=min(UNPACKED, limits.archive_unpacked))


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, datetime | date):
        return "moment"
    return "text"


def _to_array(values: list[Any], kinds: set[str]) -> Any:
    filled = [None if value == "" else value for value in values]
    if kinds == {"number"}:
        return pa.array(filled, pa.float64())
    if kinds == {"boolean"}:
        return pa.array(filled, pa.bool_())
    if kinds == {"moment"}:
        return pa.array([_as_moment(value) for value in filled], pa.timestamp("us"))
    return pa.array([None if v is None else _spell(v) for v in filled], pa.string())


def _as_moment(value: Any) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    return datetime(value.year, value.month, value.day)


def _spell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value.total_seconds())
    return str(value)
