"""One row of a Parquet file, by reading the row group that it lies in and nothing else.

A million rows have a thousand row groups, and the footer that lists them takes longer to read than
any of them; those of the files that people look at are kept.
"""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from service.core.lru import Recent

FOOTERS = 32  # some megabytes each for a million rows

_footers: Recent[tuple[str, int, int], pq.FileMetaData] = Recent(FOOTERS)


def read_row(path: Path, row: int, *, row_group: int) -> dict[str, Any]:
    """The row's columns by name, of a file that was written with so many rows in each group."""
    group, offset = divmod(row, row_group)
    stat = path.stat()  # a file that is written anew is another file
    footer = _footers.get(
        (str(path), stat.st_ino, stat.st_mtime_ns), lambda: pq.read_metadata(path)
    )
    with pq.ParquetFile(path, metadata=footer) as file:
        found: dict[str, Any] = file.read_row_group(group).slice(offset, 1).to_pylist()[0]
    return found
