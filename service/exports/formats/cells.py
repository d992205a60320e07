"""CSV as it is written here, and cells that a spreadsheet would run as a formula."""

import csv
import re
from typing import Any, TextIO

# A plain number may begin with a sign; anything else that does could call a function.
RISKY = re.compile(r"[=+\-@\t\r]")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def escape(cell: str) -> str:
    """The cell with a leading quote if it could be run (OWASP, CSV injection)."""
    if RISKY.match(cell) and not NUMBER.fullmatch(cell):
        return "'" + cell
    return cell


class _UnixLines:
    """Ends rows as Unix does. `csv` quotes a carriage return only if its own rows end in one."""

    def __init__(self, file: TextIO) -> None:
        self.file = file

    def write(self, row: str) -> int:
        return self.file.write(row.removesuffix("\r\n") + "\n")


def open_writer(file: TextIO, delimiter: str = ",") -> Any:
    """A `csv.writer` with rows that end in a line feed and cells that come back as they were."""
    return csv.writer(_UnixLines(file), delimiter=delimiter, lineterminator="\r\n")
