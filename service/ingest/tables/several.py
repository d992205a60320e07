"""Several tables of the same rows, such as one for each split or shard, read as one."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa

from service.ingest.source import RowSource

SPLIT = "split"
SHARD = re.compile(r"[-_.]\d+-of-\d+")


@dataclass(frozen=True)
class Part:
    """One of the tables, the name of its member, and the split that its rows belong to."""

    name: str
    source: RowSource
    split: str | None = None

    @property
    def folder(self) -> str:
        """The folder of the table."""
        return self.name.rpartition("/")[0]


def split_of(name: str, is_split: Any) -> str | None:
    """The split that a table's name or folder tells: train.csv, test/metadata.csv, train-00000-…"""
    path = PurePosixPath(name)
    stem = SHARD.sub("", path.name.split(".")[0] if SHARD.search(path.name) else path.stem)
    for candidate in (stem, *reversed(path.parts[:-1])):
        if is_split(candidate):
            return candidate
    return None


class Several:
    """The rows of all tables, one table after the other. A column that one lacks is null there."""

    def __init__(self, parts: list[Part]) -> None:
        self.parts = parts
        self.current = parts[0]
        first = parts[0].source
        self.format = first.format
        names = dict.fromkeys(name for part in parts for name in part.source.columns)
        self.has_splits = SPLIT not in names and any(part.split for part in parts)
        self.columns = (*names, *((SPLIT,) if self.has_splits else ()))
        self.unsupported = {n: t for part in parts for n, t in part.source.unsupported.items()}
        self.class_names = {n: t for part in parts for n, t in part.source.class_names.items()}
        self.pictures = frozenset(
            name for part in parts for name in getattr(part.source, "pictures", ())
        )
        self.index_columns = frozenset(
            name for part in parts for name in getattr(part.source, "index_columns", ())
        )
        self.notes = list(dict.fromkeys(note for part in parts for note in part.source.notes))
        self.rows: list[int] = []  # of each table, once all have been read

    @property
    def progress(self) -> float:
        """Share read."""
        done = self.parts.index(self.current)
        return (done + self.current.source.progress) / len(self.parts)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Batches of each table in turn."""
        wanted = list(self.columns if columns is None else columns)
        counts = []
        for part in self.parts:
            self.current = part
            count = 0
            inner = [n for n in wanted if n in part.source.columns and n not in self.unsupported]
            asked = (
                inner or [n for n in part.source.columns if n not in part.source.unsupported][:1]
            )
            for batch in part.source.batches(asked):
                count += batch.num_rows
                yield pa.RecordBatch.from_pydict(
                    {
                        name: self._column(name, part, batch)
                        for name in wanted
                        if name not in self.unsupported
                    }
                )
            counts.append(count)
        self.rows = counts

    def _column(self, name: str, part: Part, batch: Any) -> Any:
        if name in part.source.columns:
            return batch[name]
        if name == SPLIT and self.has_splits:
            return pa.repeat(pa.scalar(part.split, pa.string()), batch.num_rows)
        return pa.nulls(batch.num_rows)
