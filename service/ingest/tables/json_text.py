"""Finds the objects of a JSON file: one a line, or the elements of one array, wherever they end.
The array may be a value of an object, as in `{"version": 1, "data": [ … ]}`.

Nothing but the object at hand is held, and its text is kept, so that an export can copy what nobody
changed.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from service.core.errors import BadDataset
from service.ingest.faults import refuse
from service.ingest.tables.json_document import BLANK, BLOCK, find_list

Layout = Literal["lines", "array"]


@dataclass(frozen=True)
class Element:
    """One object, its text, and the text between it and the one before it."""

    value: dict[str, Any]
    text: str
    before: str = ""


def read_lines(path: Path, longest: int) -> Iterator[Element]:
    """The objects of JSON Lines; blank lines belong to what is between. Raises BadDataset."""
    row, before, offset = 0, "", 0
    with path.open("rb") as file:
        while line := file.readline(longest + 1):
            if len(line) > longest:
                raise refuse("line-too-long", f"A line exceeds {longest} bytes.", row=row + 1)
            mark = b"\xef\xbb\xbf" if offset == 0 and line.startswith(b"\xef\xbb\xbf") else b""
            data = line[len(mark) :]
            before += mark.decode()
            if not data.strip():
                before += _decode(data, row, offset + len(mark))
                offset += len(line)
                continue
            row += 1
            text = _decode(data, row, offset + len(mark))
            yield Element(_parse(text, row), text, before)
            before = ""
            offset += len(line)


def read_array(path: Path, longest: int) -> Iterator[Element]:
    """The objects of a JSON array. Raises BadDataset (`json-invalid`, `line-too-long`)."""
    decoder = json.JSONDecoder(parse_constant=_constant)
    with path.open("rb") as file:
        window = _Window(file, longest)
        window.enter_array()
        row = 0
        while not window.starts_with("]"):
            row += 1
            if row > 1:
                window.skip(",")
                if window.starts_with("]"):
                    raise _bad(row, "a comma stands before the end of the array")
            value, text = window.take(decoder, row)
            if not isinstance(value, dict):
                raise refuse("json-invalid", _not_object(row), row=row)
            yield Element(value, text, window.pop_between())
        window.skip("]")
        window.expect_end(row)


class _Window:
    """The part of the file that is looked at, as text."""

    def __init__(self, file: IO[bytes], longest: int) -> None:
        self.file, self.longest = file, longest
        self.text, self.place, self.ended = "", 0, False
        self.rest, self.offset = b"", 0
        self.between = ""
        self.around = ""  # the object in which the array stands, up to the array
        self._more()
        if self.text.startswith("\ufeff"):
            self._step(1)

    def _more(self) -> None:
        data = self.file.read(max(BLOCK, len(self.text)))
        self.ended = not data
        data = self.rest + data
        try:
            new = data.decode()
            self.rest = b""
        except UnicodeDecodeError as error:
            if self.ended or error.start < len(data) - 4:
                detail = f"Byte {self.offset + error.start} is not UTF-8. Save the file as UTF-8."
                raise refuse("invalid-encoding", detail) from error
            new, self.rest = data[: error.start].decode(), data[error.start :]
        self.offset += len(data) - len(self.rest)
        self.text = self.text[self.place :] + new
        self.place = 0

    def _step(self, count: int) -> None:
        self.between += self.text[self.place : self.place + count]
        self.place += count

    def _skip_blanks(self) -> None:
        while True:
            found = BLANK.match(self.text, self.place)
            assert found is not None
            self._step(found.end() - self.place)
            if self.place < len(self.text) or self.ended:
                return
            if len(self.between) > self.longest:
                raise refuse("line-too-long", f"Blanks exceed {self.longest} characters.")
            self._more()

    def starts_with(self, character: str) -> bool:
        """Whether it is what comes next behind blanks."""
        self._skip_blanks()
        return self.text.startswith(character, self.place)

    def skip(self, character: str) -> None:
        """Pass a character that must come next."""
        if not self.starts_with(character):
            found = self.text[self.place : self.place + 1]
            what = f"{found!r} stands where" if found else "the file ends where"
            raise _bad(None, f"{what} {character!r} is expected")
        self._step(1)

    def enter_array(self) -> None:
        """Pass what stands before the first element."""
        if self.starts_with("{"):
            start = find_list(self.text[self.place :])
            if start is None:
                raise _bad(None, "it has no list of objects")
            self.around = self.text[self.place : self.place + start]
            self._step(start)
        self.skip("[")

    def take(self, decoder: json.JSONDecoder, row: int) -> tuple[Any, str]:
        """The value that comes next, and its text."""
        self._skip_blanks()
        while True:
            try:
                value, end = decoder.raw_decode(self.text, self.place)
            except RecursionError as error:
                raise _bad(row, "it is nested too deeply") from error
            except ValueError as error:
                # An error well before the end of what is held is no matter of reading on.
                held = len(self.text) - self.place
                if self.ended or held > self.longest:
                    kind = "line-too-long" if held > self.longest else "json-invalid"
                    raise refuse(
                        kind, f"Row {row} is not a JSON object: {error}.", row=row
                    ) from error
                if isinstance(error, json.JSONDecodeError) and error.pos < len(self.text) - BLOCK:
                    raise _bad(row, str(error)) from error
                self._more()
                continue
            if end == len(self.text) and not self.ended:  # a number may go on
                self._more()
                continue
            text = self.text[self.place : end]
            self.place = end
            return value, text

    def pop_between(self) -> str:
        """What has been passed since the last call."""
        between, self.between = self.between, ""
        return between

    def expect_end(self, row: int) -> None:
        """Nothing but blanks may follow, or the rest of the object around the array."""
        if self.around:
            self._finish_object()
        self._skip_blanks()
        if self.place < len(self.text):
            raise _bad(row, "something follows the array")

    def _finish_object(self) -> None:
        """Raises BadDataset if array and rest are no object."""
        before = len(self.between)
        while self.place < len(self.text) or not self.ended:
            self._step(len(self.text) - self.place)
            if len(self.between) - before > self.longest:
                raise refuse("line-too-long", f"Over {self.longest} characters follow the array.")
            self._more()
        try:
            json.loads(f"{self.around}[]{self.between[before:]}")
        except (ValueError, RecursionError) as error:
            raise _bad(None, f"what follows the array does not end its object: {error}") from error


def read_tail(path: Path, longest: int, layout: Layout) -> str:
    """What stands behind the last object."""
    if layout == "lines":
        return ""
    with path.open("rb") as file:
        window = _Window(file, longest)
        window.enter_array()
        window.pop_between()
        decoder, row = json.JSONDecoder(parse_constant=_constant), 0
        while not window.starts_with("]"):
            row += 1
            if row > 1:
                window.skip(",")
            window.take(decoder, row)
            window.pop_between()
        window.skip("]")
        window.expect_end(row)
        return window.pop_between()


def _decode(data: bytes, row: int, offset: int) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        detail = f"Byte {offset + error.start} is not UTF-8. Save the file as UTF-8."
        raise refuse("invalid-encoding", detail, row=row) from error


def _parse(text: str, row: int) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        detail = f"Row {row} is not a JSON object: {reason}. Write one object per line."
        raise refuse("json-invalid", detail, row=row) from error
    if not isinstance(record, dict):
        raise refuse("json-invalid", f"{_not_object(row)} Write one object per line.", row=row)
    return record


def _constant(name: str) -> float:
    return float(name.replace("Infinity", "inf"))


def _not_object(row: int) -> str:
    return f"Row {row} is not a JSON object."


def _bad(row: int | None, reason: str) -> BadDataset:
    place = "The file" if row is None else f"Row {row}"
    return refuse("json-invalid", f"{place} is not valid JSON: {reason}.", row=row)
