"""Opens arrays, alone or beside a table whose rows are in the same order."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from service.core.errors import BadDataset
from service.ingest.archives.archive import Archive
from service.ingest.archives.opening import open_archive
from service.ingest.arrays.npz import ArrayHeader, NpzSource, read_headers
from service.ingest.arrays.splits import split_arrays, split_rows
from service.ingest.columns.column_names import LABELS, find_name
from service.ingest.columns.roles import plan_roles
from service.ingest.faults import refuse
from service.ingest.packs.pack import Opening, Pack
from service.ingest.packs.tables import open_member
from service.ingest.source import RowSource
from service.ingest.tables.several import Part, Several

NO_COMPANION = "Zip it with a table of labels, rows in the same order, or add the array `label`."


def open_arrays(archive: Archive, opening: Opening) -> Pack:
    """An NPZ: arrays of one length, or of one length for each split."""
    headers, _, class_names = read_headers(archive, opening.limits)
    source = _open_source(archive, headers, class_names, opening)
    profiles = opening.profile(source)
    try:
        plan = plan_roles(source, profiles, opening.roles)
    except BadDataset as error:
        if error.type != "label-column-missing":
            raise
        raise refuse(error.type, f"{error.detail} {NO_COMPANION}") from error
    names = [part.name for part in source.parts] if isinstance(source, Several) else []
    notes = _note_pictures(headers, plan.file)
    return Pack(source.format, source, plan, profiles, archive, tables=names, notes=notes)


def _note_pictures(headers: dict[str, ArrayHeader], name: str | None) -> list[str]:
    """Three axes of numbers with fractions may as well be time series."""
    header = headers.get(name or "")
    if header is None or header.dtype.kind != "f" or len(header.shape) != 3:
        return []
    _, height, width = header.shape
    return [
        f"Read each row of {name} as a grey image of {height} x {width} pixels. If the rows are no "
        f"pictures, save them as lists of numbers: {name}.reshape(len({name}), -1)."
    ]


def open_aligned(archive: Archive, table: str, arrays: str, opening: Opening) -> Pack:
    """A table and an NPZ whose rows follow its order."""
    rows = open_member(archive, table, opening)
    spooled = archive.spool(archive.members[arrays], opening.workspace)
    inner = open_archive(spooled, opening.limits)
    source = AlignedSource(rows, NpzSource(inner, opening.limits))
    profiles = opening.profile(source)
    plan = plan_roles(source, profiles, opening.roles)
    return Pack("array-manifest", source, plan, profiles, archive, tables=[table], arrays=arrays)


def _open_source(
    archive: Archive,
    headers: dict[str, ArrayHeader],
    class_names: list[str] | None,
    opening: Opening,
) -> RowSource:
    splits = split_arrays(headers)
    if not splits or find_name(headers, LABELS) is not None:
        return NpzSource(archive, opening.limits)
    parts = [
        Part(
            arrays.get("label", arrays["samples"]),
            split_rows(archive, headers, arrays, class_names),
            split,
        )
        for split, arrays in splits.items()
    ]
    return Several(parts)


class AlignedSource:
    """A table and the arrays whose rows follow its order. The table wins where names clash."""

    format = "array-manifest"

    def __init__(self, table: RowSource, arrays: NpzSource) -> None:
        self.table, self.arrays = table, arrays
        added = tuple(name for name in arrays.columns if name not in table.columns)
        self.columns = table.columns + added
        # Any one entry will do: the names of an NPZ hold for whichever column is the label.
        names = next(iter(arrays.class_names.values()), None)
        shared = {} if names is None else dict.fromkeys(self.columns, names)
        self.class_names = {**shared, **table.class_names}
        self.unsupported = {**arrays.unsupported, **table.unsupported}
        self.notes = [*table.notes, *arrays.notes]

    @property
    def progress(self) -> float:
        """Share read."""
        return self.table.progress

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Batches of both side by side. Raises BadDataset (`shape-mismatch`)."""
        wanted = self.columns if columns is None else columns
        left = [name for name in wanted if name in self.table.columns]
        right = [name for name in wanted if name not in self.table.columns]
        # At least one column each, so that a difference in length is always found.
        tables = self.table.batches(left or self.table.columns[:1])
        arrays = self.arrays.batches(right or self.arrays.columns[:1])
        for first, second in _align(tables, arrays):
            both = {**_as_dict(first), **_as_dict(second)}
            yield pa.RecordBatch.from_pydict({n: both[n] for n in wanted if n in both})


def _as_dict(batch: Any) -> dict[str, Any]:
    return dict(zip(batch.schema.names, batch.columns, strict=True))


def _align(left: Iterator[Any], right: Iterator[Any]) -> Iterator[tuple[Any, Any]]:
    first, second = next(left, None), next(right, None)
    read = 0
    while first is not None and second is not None:
        rows = min(first.num_rows, second.num_rows)
        yield first.slice(0, rows), second.slice(0, rows)
        read += rows
        first = first.slice(rows) if first.num_rows > rows else next(left, None)
        second = second.slice(rows) if second.num_rows > rows else next(right, None)
    if first is not None or second is not None:
        longer = "array file" if first is None else "table"
        detail = f"The {longer} has more than the {read} rows of the other."
        raise refuse("shape-mismatch", f"{detail} Both need one row per sample.")
