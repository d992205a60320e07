"""Reads few rows of a Parquet file: only the row groups that contain them.

A million rows have a thousand row groups, and reading the footer that lists them takes longer than
reading one of them, so the footers of recently used files are cached.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import pyarrow.parquet as pq
from cachetools import LRUCache, cached

CACHED_FOOTERS = 32  # some megabytes each for a million rows


def read_row(path: Path, row: int, *, row_group: int) -> dict[str, Any]:
    """The row's columns by name, from a file written with `row_group` rows per group."""
    group, offset = divmod(row, row_group)
    with pq.ParquetFile(path, metadata=_footer(path)) as file:
        found: dict[str, Any] = file.read_row_group(group).slice(offset, 1).to_pylist()[0]
    return found


def read_rows(path: Path, first: int, count: int, *, row_group: int) -> list[dict[str, Any]]:
    """At most `count` rows from `first` on, as `read_row` gives them."""
    footer = _footer(path)
    last = min(first + count, footer.num_rows)
    if first >= last:
        return []
    groups = range(first // row_group, (last - 1) // row_group + 1)
    with pq.ParquetFile(path, metadata=footer) as file:
        table = file.read_row_groups(list(groups))
    found: list[dict[str, Any]] = table.slice(first % row_group, last - first).to_pylist()
    return found


def read_rows_at(
    path: Path, rows: Iterable[int], *, row_group: int, columns: Sequence[str] | None = None
) -> dict[int, dict[str, Any]]:
    """Each of these rows by its number, as `read_row` gives them; only these columns, if given."""
    wanted: dict[int, list[int]] = defaultdict(list)
    for row in set(rows):
        wanted[row // row_group].append(row)
    found: dict[int, dict[str, Any]] = {}
    with pq.ParquetFile(path, metadata=_footer(path)) as file:
        for group, numbers in wanted.items():
            table = file.read_row_group(group, columns=columns)
            picked = table.take([number % row_group for number in numbers]).to_pylist()
            found |= dict(zip(numbers, picked, strict=True))
    return found


def _file_identity(path: Path) -> tuple[str, int, int]:
    """Differs once the file is replaced."""
    stat = path.stat()
    return str(path), stat.st_ino, stat.st_mtime_ns


@cached(LRUCache(CACHED_FOOTERS), key=_file_identity, lock=Lock())
def _footer(path: Path) -> pq.FileMetaData:
    return pq.read_metadata(path)
