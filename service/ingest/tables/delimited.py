"""CSV and TSV: every cell is a string here; what it means is decided later.

Python's own reader is used for its strictness and its row numbers; the bytes are checked before,
because only a scan of the whole file can name the offset of a bad one.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from service.ingest.faults import Faults, refuse
from service.ingest.report import Limits
from service.ingest.source import BATCH_BYTES, BATCH_ROWS
from service.ingest.tables.dialect import Dialect, guess_dialect
from service.ingest.tables.encoding import find_encoding

OWN_COLUMNS = {"sample_id", "given_label", "corrected_label", "verdict", "corrected_at"}
RISKY = "=+-@\t\r"
RECORD_FIELDS = 64  # a record may be this many times as long as a field


@dataclass(frozen=True)
class Record:
    """The cells of one row, and the text of its lines with what was skipped before them."""

    cells: list[str]
    text: str
    skipped: str = ""


class CsvSource:
    """A CSV or TSV file. Checks the encoding of all of it when opened."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self.limits = limits
        self.unsupported: dict[str, str] = {}
        self.class_names: dict[str, list[str]] = {}
        self.progress = 0.0
        csv.field_size_limit(limits.field)  # process-wide, and the same for everyone
        self.dialect: Dialect = guess_dialect(path, find_encoding(path), limits)
        self.notes = self.dialect.notes()
        self.delimiter = self.dialect.delimiter
        self.format = "tsv" if self.delimiter == "\t" else "csv"
        first = next(self.records(), None)
        self.header = first if self.dialect.header else None  # as it is written
        self.columns = self._name_columns([] if first is None else first.cells)
        self.index_columns = frozenset(self.columns[: self.dialect.row_names])
        # An export of this service: it put a quote before cells that a spreadsheet would run.
        self.escaped = set(self.columns) >= OWN_COLUMNS

    def _name_columns(self, first: list[str]) -> tuple[str, ...]:
        if len(first) > self.limits.columns:
            detail = f"The file has {len(first)} columns; the limit is {self.limits.columns}."
            raise refuse("csv-limits", detail)
        if not first:
            raise refuse("csv-malformed", "The first row must name the columns.", row=0)
        if not self.dialect.header:
            return tuple(f"column_{place + 1}" for place in range(len(first)))
        first = ["", *first] if self.dialect.row_names else first
        names = [name.strip() or f"unnamed_{place}" for place, name in enumerate(first)]
        faults = Faults("csv-malformed", "Two columns have the same name. Rename one of them.")
        for name in sorted({name for name in names if names.count(name) > 1}):
            faults.add("named more than once", column=name)
        faults.raise_if_any()
        return tuple(names)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """1-based data rows, each as wide as the header. Raises BadDataset (`csv-malformed`)."""
        for row, record in self.raw_rows():
            yield row, record.cells

    def raw_rows(self) -> Iterator[tuple[int, Record]]:
        """As `rows`, with the text of each row."""
        faults = Faults(
            "csv-malformed",
            f"Some rows do not have {len(self.columns)} fields as the first has. "
            "Quote fields that contain the delimiter or a line break.",
        )
        records = self.records()
        if self.dialect.header:
            next(records)
        for row, record in enumerate(records, 1):
            if len(record.cells) != len(self.columns):
                faults.add(f"{len(record.cells)} fields", row=row)
                if faults.full:
                    break
                continue
            yield row, record
        faults.raise_if_any()
        self.progress = 1.0

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """String columns, never null: an empty cell is the empty string."""
        wanted = list(self.columns if columns is None else columns)
        places = [self.columns.index(name) for name in wanted]
        held: list[list[str]] = []
        size = 0
        for row, record in self.rows():
            if row > self.limits.rows:
                raise refuse("too-many-rows", f"The limit is {self.limits.rows} rows. Split it.")
            held.append([_unescape(cell) for cell in record] if self.escaped else record)
            size += sum(map(len, record))
            if len(held) == BATCH_ROWS or size > BATCH_BYTES:
                yield _to_batch(held, wanted, places)
                held, size = [], 0
        if held:
            yield _to_batch(held, wanted, places)

    def records(self) -> Iterator[Record]:
        """Every row that is not blank, the header first."""
        total = self.path.stat().st_size or 1
        with self.dialect.encoding.open_at(self.path) as file:
            lines = _Lines(file, self.limits.field * RECORD_FIELDS, self.dialect)
            reader = csv.reader(lines, **self.dialect.options())
            buffer: Any = file.buffer
            count = 0
            try:
                for cells in reader:
                    if not cells:
                        lines.skip()
                        continue
                    yield lines.take(cells)
                    count += 1
                    if count % BATCH_ROWS == 0:
                        self.progress = buffer.tell() / total
            except csv.Error as error:
                raise _malformed(error, reader.line_num, count) from error

    def tail(self) -> str:
        """What stands behind the last row: blank lines and comments."""
        with self.dialect.encoding.open_at(self.path) as file:
            lines = _Lines(file, self.limits.field * RECORD_FIELDS, self.dialect)
            for cells in csv.reader(lines, **self.dialect.options()):
                if cells:
                    lines.take(cells)
                else:
                    lines.skip()
            return "".join(lines.skipped)


def _unescape(cell: str) -> str:
    return cell[1:] if len(cell) > 1 and cell[0] == "'" and cell[1] in RISKY else cell


def _malformed(error: csv.Error, line: int, row: int) -> Exception:
    large = "field larger" in str(error)
    hint = "Is a quote left open?" if large else "Double the quotes inside quoted fields."
    return refuse(
        "csv-limits" if large else "csv-malformed",
        f"Line {line} cannot be read: {error}. {hint}",
        row=row or None,
    )


class _Lines:
    """Lines of a file without comments, refusing a record that grows past `limit` characters.

    Keeps the text of the lines since the last record, and that of lines that are no record.
    """

    def __init__(self, file: io.TextIOWrapper, limit: int, dialect: Dialect) -> None:
        self.file, self.limit = file, limit
        self.comments = dialect.comments
        self.preamble = dialect.preamble
        self.used = 0
        self.text: list[str] = []
        self.skipped: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        while True:
            line = self.file.readline(self.limit + 1)
            self.used += len(line)
            if self.used > self.limit:
                raise refuse("csv-limits", f"A row is longer than {self.limit} characters.")
            if not line:
                raise StopIteration
            if self.preamble > 0 or (self.comments and not self.text and line.startswith("#")):
                self.preamble -= 1
                self.skipped.append(line)
                self.used = 0
                continue
            self.text.append(line)
            return line

    def take(self, cells: list[str]) -> Record:
        """The record that the lines since the last one make up: the length starts anew."""
        record = Record(cells, "".join(self.text), "".join(self.skipped))
        self.text, self.skipped, self.used = [], [], 0
        return record

    def skip(self) -> None:
        """A blank line is no record."""
        self.skipped += self.text
        self.text, self.used = [], 0


def _to_batch(records: list[list[str]], names: list[str], places: list[int]) -> Any:
    cells = list(zip(*records, strict=True))
    return pa.RecordBatch.from_arrays(
        [pa.array(cells[place], pa.string()) for place in places], names=names
    )
