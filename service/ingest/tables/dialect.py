"""How a delimited file is written: delimiter, quotes, comments, header."""

import csv
import io
import itertools
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from service.ingest.columns.column_names import FILES, LABELS, SAMPLE_IDS, SPLITS, TEXTS
from service.ingest.report import Limits
from service.ingest.tables.encoding import Encoding

DELIMITERS = (",", "\t", ";", "|")
SAMPLE = 1 << 16  # characters that the dialect is guessed from
SAMPLE_ROWS = 200
SPACED_ROWS = 10  # that blanks must split alike
CHECKED = 64 << 20  # bytes; larger files with quotes are checked only if their quotes look odd
NAMES = {*FILES, *LABELS, *SAMPLE_IDS, *SPLITS, *TEXTS}

Quoting = Literal["doubled", "backslash", "none"]


@dataclass(frozen=True)
class Dialect:
    """How to read the file. `preamble` are the lines before the header: `sep=;` and comments."""

    encoding: Encoding
    delimiter: str = ","
    quoting: Quoting = "doubled"
    skip_space: bool = False
    comments: bool = False
    preamble: int = 0
    header: bool = True
    row_names: bool = False  # rows begin with a name that the header does not name, as R writes

    def options(self) -> dict[str, Any]:
        """Arguments of `csv.reader`."""
        options: dict[str, Any] = {
            "delimiter": self.delimiter,
            "skipinitialspace": self.skip_space,
            "strict": True,
        }
        if self.quoting == "none":
            options |= {"quoting": csv.QUOTE_NONE, "quotechar": None}
        elif self.quoting == "backslash":
            options |= {"doublequote": False, "escapechar": "\\"}
        return options

    def notes(self) -> list[str]:
        """What was assumed."""
        notes = [] if self.encoding.note is None else [self.encoding.note]
        if self.quoting == "none":
            notes.append("Quotes in the file do not come in pairs, so they were read as text.")
        if self.quoting == "backslash":
            notes.append("A backslash before a quote was read as an escape.")
        if self.comments:
            notes.append("Lines that begin with # were skipped as comments.")
        if not self.header:
            notes.append(
                "The first row looks like data, not like names, so the columns are called "
                "column_1, column_2, …"
            )
        if self.row_names:
            notes.append(
                "Rows have one field more than the header; the first is the name of the row."
            )
        if self.delimiter == " ":
            notes.append("Blanks were read as the delimiter.")
        return notes


def guess_dialect(path: Path, encoding: Encoding, limits: Limits) -> Dialect:
    """The dialect in which the file is regular."""
    with encoding.open_at(path) as file:
        sample = file.read(min(limits.field, SAMPLE))
    lines = list(io.StringIO(sample, newline=""))
    dialect = Dialect(encoding)
    if lines and lines[0].rstrip("\r\n").lower().startswith("sep=") and len(lines[0].strip()) == 5:
        dialect = replace(dialect, preamble=1, delimiter=lines[0].strip()[4])
        body = "".join(lines[1:])
    else:
        body = sample
        dialect = replace(dialect, delimiter=_guess_delimiter(_without_comments(lines)))
        if _has_comments(lines, dialect.delimiter):
            skipped = len(list(itertools.takewhile(lambda line: line.startswith("#"), lines)))
            dialect = replace(dialect, comments=True, preamble=skipped)
            body = _without_comments(lines)
    dialect = replace(dialect, skip_space=_has_spaces(body, dialect))
    dialect = _choose_quoting(path, dialect)
    dialect = replace(dialect, header=_has_header(body, dialect))
    return replace(dialect, row_names=dialect.header and _has_row_names(body, dialect))


def _without_comments(lines: list[str]) -> str:
    return "".join(line for line in lines if not line.startswith("#"))


def _has_comments(lines: list[str], delimiter: str) -> bool:
    """Whether lines with # are comments: the first is one, and no header (`#id,label`)."""
    if not lines or not lines[0].startswith("#"):
        return False
    rest = next((line for line in lines if not line.startswith("#")), "")
    last = list(itertools.takewhile(lambda line: line.startswith("#"), lines))[-1]
    return last.count(delimiter) != rest.count(delimiter)


def _guess_delimiter(sample: str) -> str:
    """The delimiter that splits the first rows into the most fields of equal number; blanks if no
    other splits them, and they split every row alike."""
    found = max(DELIMITERS, key=lambda delimiter: _regularity(sample, delimiter))
    if _regularity(sample, found)[1] < 2 and _is_spaced(sample):
        return " "
    return found


def _is_spaced(sample: str) -> bool:
    lines = [line.strip(" ") for line in sample.split("\n")[:-1][:SAMPLE_ROWS]]
    rows = csv.reader(lines, delimiter=" ", skipinitialspace=True)
    try:
        widths = [len(row) for row in rows if row]
    except csv.Error:
        return False
    first, rest = widths[:1], set(widths[1:])
    return len(widths) >= SPACED_ROWS and len(rest) == 1 and first[0] in (max(rest), max(rest) - 1)


def _regularity(sample: str, delimiter: str) -> tuple[int, int]:
    best = (0, 0)
    for options in ({}, {"quoting": csv.QUOTE_NONE}, {"skipinitialspace": True}):
        rows: Any = csv.reader(
            io.StringIO(sample, newline=""),
            delimiter=delimiter,
            **options,
        )
        try:
            widths = [len(row) for row in itertools.islice(rows, 21) if row]
        except csv.Error:
            continue
        if not widths or widths[0] < 2:
            continue
        same = sum(width == widths[0] for width in widths)
        best = max(best, (same, widths[0]))
    return best


def _has_spaces(body: str, dialect: Dialect) -> bool:
    """Whether a blank follows every delimiter of the first rows."""
    if dialect.delimiter in ("\t", " "):
        return dialect.delimiter == " "
    spaced = dialect.delimiter + " "
    lines = [line for line in body.split("\n")[:SAMPLE_ROWS] if dialect.delimiter in line]
    even = (line.count(dialect.delimiter) == line.count(spaced) or '"' in line for line in lines)
    return bool(lines) and spaced in lines[0] and all(even)


def _choose_quoting(path: Path, dialect: Dialect) -> Dialect:
    """Doubled quotes, unless the file is regular only with escaped quotes or with none."""
    encoding = dialect.encoding
    if not encoding.quotes:
        return dialect
    odd = encoding.quotes % 2 or encoding.escapes
    if not odd and path.stat().st_size > CHECKED:
        return dialect
    others: list[Quoting] = ["backslash"] if encoding.escapes else []
    for quoting in ("doubled", *others, "none"):
        candidate = replace(dialect, quoting=quoting)
        if is_regular(path, candidate):
            return candidate
    return dialect


def is_regular(path: Path, dialect: Dialect) -> bool:
    """Whether all rows of the file can be read and have as many fields as the first."""
    with dialect.encoding.open_at(path) as file:
        rows = csv.reader(_data_lines(file, dialect), **dialect.options())
        try:
            width = 0
            for number, row in enumerate(filter(None, rows)):
                if number == 1 and len(row) == width + 1:
                    width += 1  # R's names of rows
                if width and len(row) != width:
                    return False
                width = width or len(row)
        except csv.Error:
            return False
    return True


def _data_lines(file: Any, dialect: Dialect) -> Iterator[str]:
    for number, line in enumerate(file):
        if number >= dialect.preamble and not (dialect.comments and line.startswith("#")):
            yield line


def _has_header(body: str, dialect: Dialect) -> bool:
    """Whether the first row names the columns rather than being one of the rows.

    It does not if it has numbers wherever the rows below have them, or a word that recurs below it
    where the rows hold few words; it does if any of its cells is a name that columns have.
    """
    rows = _sample_rows(body, dialect)
    if len(rows) < 2:
        return True
    first, rest = rows[0], [row for row in rows[1:-1] or rows[1:] if len(row) == len(rows[0])]
    if not rest or any(cell.strip().lower() in NAMES for cell in first) or not all(first):
        return True
    columns = list(zip(*rest, strict=True))
    numeric = [place for place, cells in enumerate(columns) if _are_numbers(cells)]
    if numeric:
        return not all(is_number(first[place]) for place in numeric)
    repeated = [
        cells.count(name) for name, cells in zip(first, columns, strict=True) if len(name) < 40
    ]
    return not any(count >= 2 for count in repeated)


def _has_row_names(body: str, dialect: Dialect) -> bool:
    """Whether every row has one field more than the header, which begins as R writes it: a number
    that counts, or quotes where the header has quotes. Anything else may as well be a delimiter in
    a text, or one at the end of the row."""
    header, *rows = _sample_rows(body, dialect) or [[]]
    if len(body) >= SAMPLE // 2 and len(rows) > 1:
        del rows[-1]  # it may be cut off
    if not rows or any(len(row) != len(header) + 1 for row in rows):
        return False
    counts = all(row[0].isdecimal() and int(row[0]) == int(rows[0][0]) + n
                 for n, row in enumerate(rows))  # fmt: skip
    lines = [line for line in body.splitlines() if line.strip()][: len(rows) + 1]
    quoted = dialect.quoting != "none" and all(line.startswith('"') for line in lines)
    return (counts or quoted) and any(row[-1].strip() for row in rows)


def _sample_rows(body: str, dialect: Dialect) -> list[list[str]]:
    """The rows of the sample; the last may be cut off."""
    reader = csv.reader(io.StringIO(body, newline=""), **dialect.options())
    rows: list[list[str]] = []
    with suppress(csv.Error):  # the sample may end in the middle of a row
        rows.extend(itertools.islice((row for row in reader if row), SAMPLE_ROWS))
    return rows


def _are_numbers(cells: tuple[str, ...]) -> bool:
    filled = [cell for cell in cells if cell.strip()]
    return bool(filled) and sum(map(is_number, filled)) >= 0.9 * len(filled)


def is_number(text: str) -> bool:
    """True for what Python reads as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
