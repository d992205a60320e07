"""Lists of pictures as text: a path and a label on each line."""

import re
from collections.abc import Iterator

from service.ingest.archives.archive import fold
from service.ingest.columns.column_names import FILES
from service.ingest.images.manifest import ENOUGH, SAMPLES
from service.ingest.images.member_index import MemberIndex
from service.ingest.images.members import names_picture
from service.ingest.listings.label_rows import NotRead, Pair

WHOLE = re.compile(r"(?<=\d)\.0+$")  # of 3.000000, which MXNet writes for the class 3
SEPARATORS = ("\t", ",", ";", None)  # None is any blanks


def read_lines(text: str, index: MemberIndex, folder: str) -> list[Pair]:
    """The pairs of a list in `folder`. Raises NotRead.

    A line is `path label` or `label path`, parted by tabs, commas, semicolons or blanks, or what
    MXNet writes: a number, the label and the path. Lines that begin with `#` are comments.
    """
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines:
        raise NotRead("it is empty")
    rows, file = _split_at_names(lines, index, folder)
    width = len(rows[0])
    others = [place for place in range(width) if place != file]
    if others == [0, 1] and all(row[0].isdecimal() for row in rows) and _name_like(rows, 0)[1] == 1:
        others = [1]  # behind MXNet's numbers
    if not others:
        raise NotRead("it lists images without labels")
    if len(others) > 1:
        raise NotRead(f"it has {width} columns without names; save it as CSV with a header")
    return [Pair(row[file], WHOLE.sub("", row[others[0]]) or None) for row in rows]


def _split_at_names(
    lines: list[str], index: MemberIndex, folder: str
) -> tuple[list[list[str]], int]:
    """The fields of each line, and the place of the images' names: by the first split that leaves
    all names whole, else by the one that leaves most. Raises NotRead."""
    best: tuple[int, list[list[str]], int] | None = None
    for rows in map(_without_header, _splits(lines)):
        file = _file_column(rows, index, folder)
        if file is None:
            continue
        whole = _whole(rows, file, index, folder)
        if best is None or whole > best[0]:
            best = whole, rows, file
        if whole == len(rows[:SAMPLES]):
            break
    if best is None:
        raise NotRead("it names none of the images")
    return best[1:]


def _without_header(rows: list[list[str]]) -> list[list[str]]:
    return rows[1:] if any(field.lower() in FILES for field in rows[0]) else rows


def _file_column(rows: list[list[str]], index: MemberIndex, folder: str) -> int | None:
    """The place of the images' names in the rows; None where no place names enough of them."""
    if not rows:
        return None
    places = range(len(rows[0]))
    shares = [_share([row[place] for row in rows[:SAMPLES]], index, folder) for place in places]
    file = max(places, key=lambda place: (shares[place], *_name_like(rows, place)))
    return file if shares[file] >= ENOUGH else None


def _name_like(rows: list[list[str]], place: int) -> tuple[bool, float]:
    """What tells names from labels where both name a picture, as 0 does 0.png: they end as
    pictures do, and do not repeat."""
    values = {row[place] for row in rows}
    return any(map(names_picture, values)), len(values) / len(rows)


def _splits(lines: list[str]) -> Iterator[list[list[str]]]:
    """The ways to split the lines into as many fields each, the likeliest first. The last ones
    are for names with blanks in them: a label is then the last word, or the first."""
    for separator in SEPARATORS:
        rows = [[_bare(field) for field in line.split(separator)] for line in lines]
        if len({len(row) for row in rows}) == 1 and len(rows[0]) > 1:
            yield rows
    for ends in ([line.rsplit(None, 1) for line in lines], [line.split(None, 1) for line in lines]):
        if all(len(row) == 2 for row in ends):
            yield [[_bare(field) for field in row] for row in ends]
    yield [[_bare(line)] for line in lines]


def _bare(field: str) -> str:
    return field.strip().strip("\"'")


def _share(values: list[str], index: MemberIndex, folder: str) -> float:
    return sum(index.find(value, folder) is not None for value in values) / len(values)


def _whole(rows: list[list[str]], file: int, index: MemberIndex, folder: str) -> int:
    """How many of the first fields are an image's path or the end of one, no blank in it cut."""
    values = [row[file] for row in rows[:SAMPLES]]
    members = [(fold(value), index.find(value, folder)) for value in values]
    return sum(
        member is not None and f"/{fold(member.name)}".endswith(f"/{value}")
        for value, member in members
    )
