"""Tables that list pictures: their rows are matched to the pictures of the archive."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from service.ingest.archives.archive import Member
from service.ingest.columns.column_names import FILES
from service.ingest.columns.convert import to_strings
from service.ingest.images.member_index import MemberIndex
from service.ingest.source import BATCH_ROWS, RowSource

MEMBER = "\0member"  # the column of a manifest that holds the names of members
SAMPLES = 200  # rows by which the column of file names is found
ENOUGH = 0.5  # of them must name a picture


@dataclass(frozen=True)
class ListedColumn:
    """The column of a table that names pictures, and the share of the looked-at rows it found."""

    name: str
    share: float


def find_file_column(
    source: RowSource, index: MemberIndex, folder: str, chosen: str | None = None
) -> ListedColumn | None:
    """The column whose values name pictures; columns called `file`, `path`, … come first."""
    names = [name for name in source.columns if name not in source.unsupported]
    first = next(iter(source.batches(names)), None)
    if first is None:
        return None
    candidates = []
    for name in names if chosen is None else [n for n in names if n == chosen]:
        column = first[name].slice(0, SAMPLES)
        if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
            continue
        values = [value for value in to_strings(column).to_pylist() if value]
        if not values:
            continue
        share = sum(index.find(value, folder) is not None for value in values) / len(values)
        if share >= ENOUGH or name == chosen:
            candidates.append(ListedColumn(name, share))
    named = [c for c in candidates if c.name.lower() in FILES]
    return max(named or candidates, key=lambda c: c.share, default=None)


class Manifest:
    """A table and the pictures that its rows name; pictures that no row names follow unlabeled.

    The column MEMBER holds the picture's name in the archive, null where no picture fits.
    """

    def __init__(
        self, source: RowSource, file: str, folder: Callable[[], str], images: list[Member]
    ) -> None:
        self.source, self.file, self.folder = source, file, folder
        self.index = MemberIndex(images)
        self.images = images
        self.format = source.format
        self.columns = source.columns
        self.unsupported = source.unsupported
        self.class_names = source.class_names
        self.notes = source.notes
        self.listed = 0  # rows of the tables, known once they have been read
        self.unlisted: list[str] = []

    @property
    def progress(self) -> float:
        """Share read."""
        return self.source.progress

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """The tables' rows, then a row for each picture that they do not list."""
        wanted = list(self.columns if columns is None else columns)
        inner = list(dict.fromkeys([*(n for n in wanted if n != MEMBER), self.file]))
        listed, seen, schema = 0, set(), None
        for batch in self.source.batches(inner):
            members = self._find(batch)
            listed += batch.num_rows
            seen.update(members)
            whole = batch.append_column(MEMBER, pa.array(members, pa.string()))
            schema = whole.select(wanted).schema
            yield whole.select(wanted)
        self.listed = listed
        self.unlisted = [member.name for member in self.images if member.name not in seen]
        if schema is not None:
            yield from self._rest(schema)

    def _find(self, batch: Any) -> list[str | None]:
        folder = self.folder()
        values = to_strings(batch[self.file]).to_pylist()
        found = [self.index.find(value, folder) for value in values]
        return [None if member is None else member.name for member in found]

    def _rest(self, schema: Any) -> Iterator[Any]:
        for start in range(0, len(self.unlisted), BATCH_ROWS):
            names = self.unlisted[start : start + BATCH_ROWS]
            filled = {MEMBER: pa.array(names, pa.string()), self.file: pa.array(names, pa.string())}
            yield pa.RecordBatch.from_pydict(
                {f.name: filled.get(f.name, pa.nulls(len(names), f.type)) for f in schema}
            )
