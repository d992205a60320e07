"""Rewrites CSV and TSV: only cells that somebody corrected change, and two columns are added."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.core.errors import BadInput
from service.exports.formats.cells import escape
from service.exports.formats.corrections import GIVEN, Correction, LabelColumns, RowEdits
from service.exports.formats.limits import PASSED, PROGRESS_INTERVAL
from service.exports.formats.output import Output
from service.ingest.origin import Origin
from service.ingest.tables.delimited import CsvSource, Record
from service.ingest.tables.dialect import Dialect

NEEDS_QUOTES = ('"', "\r", "\n")


def rewrite_csv(path: Path, origin: Origin, edits: RowEdits, output: Output) -> None:
    """Write the file in its own dialect and encoding, without the rows that are excluded."""
    source = CsvSource(path, PASSED)
    editor = _Editor.of(source, str(origin.label_column), origin.file_column, output)
    encoding = source.dialect.encoding
    changes = edits.between(0, 2**62)
    with output.target.open("wb") as raw:
        raw.write(encoding.mark)
        write = _encoder(raw, encoding.codec)
        if source.header is not None:
            record = next(source.records())
            write(record.skipped + editor.header(record))
        for row, record in source.raw_rows():
            write(record.skipped)
            change = changes.get(row - 1)
            if change is None or not change.excluded:
                write(editor.row(record, change, edits))
            if row % PROGRESS_INTERVAL == 0:
                output.on_progress(source.progress)
        for file, change in output.unlisted.items():
            write(editor.new_row(file, edits.written(str(change.corrected_label))))
        write(source.tail())


def _encoder(file: Any, codec: str) -> Any:
    encode = codecs.getencoder(codec)

    def write(text: str) -> None:
        try:
            file.write(encode(text)[0])
        except UnicodeEncodeError as error:
            detail = (
                f"The label {error.object[error.start : error.end]!r} has no place in {codec}, "
            )
            raise BadInput(
                f"{detail}which the file is encoded in. Export as csv or parquet instead.",
                type="label-not-encodable",
            ) from error

    return write


@dataclass(frozen=True)
class _Editor:
    """Changes the text of one row at a time."""

    dialect: Dialect
    columns: tuple[str, ...]
    targets: list[int]  # places of the columns that take the corrected label
    label: int
    added: list[str]
    file: str | None
    formulas: bool

    @classmethod
    def of(cls, source: CsvSource, label: str, file: str | None, output: Output) -> "_Editor":
        rule = LabelColumns.of(list(source.columns), label)
        targets = [source.columns.index(n) for n in rule.corrected if n in source.columns]
        # Without a header nothing would tell what an added column is.
        added = rule.added if source.dialect.header else []
        place = source.columns.index(label)
        formulas = output.escape_formulas
        return cls(source.dialect, source.columns, targets, place, added, file, formulas)

    @property
    def separator(self) -> str:
        spaced = self.dialect.skip_space and self.dialect.delimiter != " "
        return self.dialect.delimiter + (" " if spaced else "")

    def header(self, record: Record) -> str:
        body, end = _split_end(record.text)
        return self.separator.join([body, *self.added]) + end

    def row(self, record: Record, change: Correction | None, edits: RowEdits) -> str:
        body, end = _split_end(record.text)
        spans = list(cell_spans(body, self.dialect))
        given = body[slice(*spans[self.label])]
        final = given
        if change is not None and change.corrected_label is not None:
            written = edits.written(change.corrected_label)
            if written != record.cells[self.label]:
                final = self._cell(written, quoted=given.startswith('"'))
                for place in sorted(self.targets, reverse=True):
                    start, stop = spans[place]
                    body = body[:start] + final + body[stop:]
        cells = [given if name == GIVEN else final for name in self.added]
        if self.formulas:
            body = self.separator.join(
                self._cell(escape(cell), quoted=False) for cell in self._cells(body)
            )
            cells = [self._cell(escape(cell), quoted=False) for cell in map(self._plain, cells)]
        return self.separator.join([body, *cells]) + (end or ("\n" if self.formulas else ""))

    def new_row(self, file: str, label: str) -> str:
        """A row for a picture that the table did not list."""
        places = {self.columns[place] for place in (*self.targets, self.label)}
        values = {self.file: file} | dict.fromkeys(places, label)
        cells = [self._cell(values.get(name) or "", quoted=False) for name in self.columns]
        cells += ["" if name == GIVEN else self._cell(label, quoted=False) for name in self.added]
        return self.separator.join(cells) + "\n"

    def _cells(self, body: str) -> list[str]:
        return [self._plain(body[start:stop]) for start, stop in cell_spans(body, self.dialect)]

    def _plain(self, text: str) -> str:
        """What a written cell says."""
        if self.dialect.quoting == "none" or not text.startswith('"'):
            return text
        inner = text[1:-1] if text.endswith('"') and len(text) > 1 else text[1:]
        pair = '\\"' if self.dialect.quoting == "backslash" else '""'
        return inner.replace(pair, '"')

    def _cell(self, value: str, *, quoted: bool) -> str:
        """A value as the file writes it."""
        special = self.dialect.delimiter in value or any(mark in value for mark in NEEDS_QUOTES)
        special = special or value != value.strip() or (self.dialect.comments and value[:1] == "#")
        if self.dialect.quoting == "none":
            if self.dialect.delimiter in value or "\n" in value or "\r" in value:
                detail = f"The label {value!r} cannot be written in a file without quotes. "
                detail += "Export as csv or parquet instead."
                raise BadInput(detail, type="label-not-encodable")
            return value
        if not (special or quoted):
            return value
        pair = '\\"' if self.dialect.quoting == "backslash" else '""'
        return '"' + value.replace('"', pair) + '"'


def _split_end(text: str) -> tuple[str, str]:
    """A row and its line end."""
    body = text.rstrip("\r\n")
    if len(text) - len(body) > 2 or text[len(body) :] in ("\n\n", "\r\r"):
        body = text[:-1]  # a line break of a quoted cell cannot stand at the end
    return body, text[len(body) :]


def cell_spans(body: str, dialect: Dialect) -> Iterator[tuple[int, int]]:
    """Where each cell of a row begins and ends, its quotes included."""
    place = 0
    while True:
        if dialect.skip_space:
            while body[place : place + 1] == " ":
                place += 1
        end = place
        if dialect.quoting != "none" and body[place : place + 1] == '"':
            end = _quoted_end(body, place, dialect)
        end = _next_delimiter(body, end, dialect)
        yield place, end
        if end >= len(body):
            return
        place = end + 1


def _quoted_end(body: str, place: int, dialect: Dialect) -> int:
    place += 1
    while place < len(body):
        if dialect.quoting == "backslash" and body[place] == "\\":
            place += 2
        elif body[place] != '"':
            place += 1
        elif dialect.quoting == "doubled" and body[place + 1 : place + 2] == '"':
            place += 2
        else:
            return place + 1
    return len(body)


def _next_delimiter(body: str, place: int, dialect: Dialect) -> int:
    while place < len(body) and body[place] != dialect.delimiter:
        place += 2 if dialect.quoting == "backslash" and body[place] == "\\" else 1
    return min(place, len(body))
