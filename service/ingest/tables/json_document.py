"""JSON files that are one object: where in it the list of samples stands, if it has one."""

import json
import re
from pathlib import Path

HEAD = 64 << 10  # bytes of a line that are parsed to see whether it is whole
BLOCK = 1 << 18
BLANK = re.compile(r"[ \t\r\n]*")


def is_one_object(path: Path) -> bool:
    """Whether a file that begins with `{` is one object, on one line or on several, rather than
    JSON Lines."""
    with path.open("rb") as file:
        first = file.readline(HEAD).lstrip(b"\xef\xbb\xbf")
        while not first.strip() and first:
            first = file.readline(HEAD)
        if len(first) < HEAD and not _is_whole(first):
            return True
        while not first.endswith(b"\n") and (more := file.readline(BLOCK)):
            first = more
        return not any(line.strip() for line in iter(lambda: file.readline(BLOCK), b""))


def _is_whole(line: bytes) -> bool:
    """Whether the line is an object of its own, or as good as one: a reader says what is bad."""
    text = line.decode("utf-8", "replace").strip()
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text.endswith("}")
    return True


def find_list(text: str) -> int | None:
    """Where the first value begins that is a list of objects, in an object that begins with these
    characters; None if there is none. Only the outermost keys are looked at."""
    decoder = json.JSONDecoder()
    place = _skip(text, text.startswith("\ufeff"))
    if text[place : place + 1] != "{":
        return None
    place += 1
    while True:
        place = _skip(text, place)
        try:
            key, place = decoder.raw_decode(text, place)
            place = _skip(text, place)
            if not isinstance(key, str) or text[place] != ":":
                return None
            place = _skip(text, place + 1)
            if text[place] == "[" and text[_skip(text, place + 1)] == "{":
                return place
            _, place = decoder.raw_decode(text, place)
            place = _skip(text, place)
            if text[place] != ",":
                return None
        except (ValueError, RecursionError, IndexError):
            return None
        place += 1


def _skip(text: str, place: int) -> int:
    found = BLANK.match(text, place)
    assert found is not None
    return found.end()
