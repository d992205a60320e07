"""CSV and TSV: every cell is a string here; what it means is decided later.

Python's own reader is used for its strictness and its row numbers; the bytes are checked before,
because only a scan of the whole file can name the offset of a bad one.
"""

import codecs
import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa

from service.ingest.faults import Faults, refuse
from service.ingest.report import Limits
from service.ingest.source import BATCH_BYTES, BATCH_ROWS

DELIMITERS = (",", "\t", ";", "|")
SCAN_BLOCK = 1 << 20
RECORD_FIELDS = 64  # a record may be this many times as long as a field


class CsvSource:
    """A CSV or TSV file with a header row. Checks the encoding of all of it when opened."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self.limits = limits
        self.unsupported: dict[str, str] = {}
        self.class_names: dict[str, list[str]] = {}
        self.progress = 0.0
        csv.field_size_limit(limits.field)  # process-wide, and the same for everyone
        _check_bytes(path)
        self.delimiter = _guess_delimiter(path, limits)
        self.format = "tsv" if self.delimiter == "\t" else "csv"
        with self._open() as file:
            header = next(self._records(file), [])
        self.columns = _name_columns(header, limits)

    def _open(self) -> TextIO:
        return self.path.open(encoding="utf-8-sig", newline="")

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """1-based data rows, each as wide as the header. Raises BadDataset (`csv-malformed`)."""
        faults = Faults(
            "csv-malformed",
            f"Some rows do not have {len(self.columns)} fields as the header has. "
            "Quote fields that contain the delimiter or a line break.",
        )
        total = self.path.stat().st_size or 1
        with self._open() as file:
            records = self._records(file)
            next(records)
            for row, record in enumerate(records, 1):
                if len(record) != len(self.columns):
                    faults.add(f"{len(record)} fields", row=row)
                    if faults.full:
                        break
                    continue
                if row % BATCH_ROWS == 0:
                    self.progress = file.buffer.tell() / total
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
            held.append(record)
            size += sum(map(len, record))
            if len(held) == BATCH_ROWS or size > BATCH_BYTES:
                yield _to_batch(held, wanted, places)
                held, size = [], 0
        if held:
            yield _to_batch(held, wanted, places)

    def _records(self, file: TextIO) -> Iterator[list[str]]:
        lines = _Lines(file, self.limits.field * RECORD_FIELDS)
        reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
        count = 0
        try:
            for record in reader:
                lines.used = 0  # a record is complete: its length starts anew
                if record:
                    yield record
                    count += 1
        except csv.Error as error:
            large = "field larger" in str(error)
            hint = "Is a quote left open?" if large else "Double the quotes inside quoted fields."
            raise refuse(
                "csv-limits" if large else "csv-malformed",
                f"Line {reader.line_num} cannot be read: {error}. {hint}",
                row=count or None,
            ) from error


class _Lines:
    """Lines of a file, refusing a record that grows past `limit` characters."""

    def __init__(self, file: TextIO, limit: int) -> None:
        self.file = file
        self.limit = limit
        self.used = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self.file.readline(self.limit + 1)
        self.used += len(line)
        if self.used > self.limit:
            raise refuse("csv-limits", f"A row is longer than {self.limit} characters.")
        if not line:
            raise StopIteration
        return line


def _to_batch(records: list[list[str]], names: list[str], places: list[int]) -> Any:
    cells = list(zip(*records, strict=True))
    return pa.RecordBatch.from_arrays(
        [pa.array(cells[place], pa.string()) for place in places], names=names
    )


def _check_bytes(path: Path) -> None:
    """Refuse anything but UTF-8 without NUL, naming the offset of the first bad byte."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset = 0
    lines = 1
    with path.open("rb") as file:
        for block in itertools.chain(iter(lambda: file.read(SCAN_BLOCK), b""), [b""]):
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                at = offset - pending + error.start
                lines += block.count(b"\n", 0, max(0, error.start - pending))
                detail = f"Byte {at} (line {lines}) is not UTF-8. Save the file as UTF-8."
                raise refuse("invalid-encoding", detail) from error
            if (nul := block.find(b"\0")) >= 0:
                lines += block.count(b"\n", 0, nul)
                detail = f"Byte {offset + nul} (line {lines}) is NUL. Remove it."
                raise refuse("invalid-character", detail)
            offset += len(block)
            lines += block.count(b"\n")


def _guess_delimiter(path: Path, limits: Limits) -> str:
    """The delimiter that splits the first rows into the most fields of equal number."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        sample = file.read(min(limits.field, 1 << 16))
    return max(DELIMITERS, key=lambda delimiter: _regularity(sample, delimiter))


def _regularity(sample: str, delimiter: str) -> tuple[int, int]:
    rows = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    try:
        widths = [len(row) for row in itertools.islice(rows, 21) if row]
    except csv.Error:
        return 0, 0
    same = sum(width == widths[0] for width in widths) if widths else 0
    return (same if widths and widths[0] > 1 else 0, widths[0] if widths else 0)


def _name_columns(header: list[str], limits: Limits) -> tuple[str, ...]:
    if len(header) > limits.columns:
        detail = f"The file has {len(header)} columns; the limit is {limits.columns}."
        raise refuse("csv-limits", detail)
    if not header or all(_is_number(name) for name in header):
        raise refuse("csv-malformed", "The first row must name the columns.", row=0)
    names = [name.strip() or f"unnamed_{place}" for place, name in enumerate(header)]
    faults = Faults("csv-malformed", "Two columns have the same name. Rename one of them.")
    for name in sorted({name for name in names if names.count(name) > 1}):
        faults.add("named more than once", column=name)
    faults.raise_if_any()
    return tuple(names)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
