"""Opens an upload: a table, or an archive of images, arrays, or a table with either."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from service.core.errors import BadDataset, UnsupportedMediaType
from service.ingest.archive import Archive, Member, open_archive
from service.ingest.arrays import NpzSource
from service.ingest.delimited import CsvSource
from service.ingest.detect import ACCEPTED, detect
from service.ingest.faults import refuse
from service.ingest.images import (
    FolderSource,
    find_images,
    find_prefix,
    is_junk,
)
from service.ingest.jsonlines import JsonLinesSource
from service.ingest.parquet import ParquetSource
from service.ingest.profile import profile_columns, seen_columns
from service.ingest.report import ColumnRoles, Limits, SeenColumn
from service.ingest.roles import Plan, Profiles, plan_roles
from service.ingest.source import RowSource
from service.ingest.votes import (
    TABLE_STEMS,
    VoteColumns,
    VoteTable,
    as_vote_table,
    find_vote_columns,
)

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
MANIFEST_STEMS = ("metadata", "samples", "manifest", "labels", "annotations")
NO_COMPANION = "Zip it with a table of labels, rows in the same order, or add the array `label`."


@dataclass
class Pack:
    """An opened upload: its rows, the column roles, and the archive members they came from."""

    format: str
    source: RowSource
    plan: Plan
    profiles: Profiles
    archive: Archive | None = None
    images: list[Member] = field(default_factory=list)
    table: str | None = None
    arrays: str | None = None
    prefix: str = ""
    notes: list[str] = field(default_factory=list)
    votes: VoteTable | None = None
    vote_columns: VoteColumns = field(init=False)

    def __post_init__(self) -> None:
        self.vote_columns = find_vote_columns(self.profiles, self.plan)
        for name in self.vote_columns.names():
            self.plan.ignored.pop(name, None)


@dataclass(frozen=True)
class Opening:
    """How to open an upload. `workspace` is for members that must be seekable; `tell` gets the
    share that has been read."""

    filename: str
    roles: ColumnRoles
    limits: Limits
    workspace: Path
    tell: Callable[[float], None]
    on_columns: Callable[[list[SeenColumn]], None]

    def table(self, archive: Archive, name: str) -> RowSource:
        """A table among the members of an archive."""
        spooled = archive.spool(archive.members[name], self.workspace)
        return open_table(spooled, name, self.limits)

    def profile(self, source: RowSource) -> Profiles:
        """Profile the columns and report them to `on_columns`, even if they are rejected later."""
        profiles = profile_columns(source, self.tell)
        self.on_columns(seen_columns(source, profiles))
        return profiles


def open_pack(upload: Path, opening: Opening) -> Pack:
    """Raises BadDataset or UnsupportedMediaType."""
    if detect(upload, opening.filename) == "zip":
        return _open_zip(open_archive(upload, opening.limits), opening)
    source = open_table(upload, opening.filename, opening.limits)
    profiles = opening.profile(source)
    return Pack(source.format, source, plan_roles(source, profiles, opening.roles), profiles)


def open_table(path: Path, filename: str, limits: Limits) -> RowSource:
    """The reader for a CSV, TSV, JSON Lines or Parquet file."""
    container = detect(path, filename)
    if container == "parquet":
        return ParquetSource(path, limits)
    if container == "jsonl":
        return JsonLinesSource(path, limits)
    if container == "csv":
        return CsvSource(path, limits)
    raise refuse("archive-nested", f"{filename} is a zip inside the zip. Unpack it.")


def _open_zip(archive: Archive, opening: Opening) -> Pack:
    names = [name for name in archive.members if not is_junk(name)]
    _refuse_documents(opening.filename, names)
    if names and all(name.endswith(".npy") for name in names):
        return _open_arrays(archive, opening)
    tables = sorted((n for n in names if n.lower().endswith(TABLE_SUFFIXES)), key=_manifest_order)
    arrays = [name for name in names if name.lower().endswith(".npz")]
    images = find_images(archive)
    votes = _find_votes(archive, tables, opening)
    if votes is not None:
        tables.remove(votes.name)
    if images:
        pack = _open_images(archive, images, tables, opening)
    elif tables and len(arrays) == 1:
        pack = _open_aligned(archive, tables[0], arrays[0], opening)
    elif len(tables) == 1:
        pack = _open_zipped_table(archive, tables[0], opening)
    else:
        detail = f"{opening.filename} contains no images, and {len(tables)} tables instead of one."
        raise UnsupportedMediaType(f"{detail} {ACCEPTED}")
    pack.votes = votes
    used = {member.name for member in images} | {pack.table, pack.arrays}
    used |= {None if votes is None else votes.name}
    others = [name for name in names if name not in used]
    if others:
        more = " and others" if len(others) > 5 else ""
        pack.notes.append(f"Ignored {len(others)} other files: {', '.join(others[:5])}{more}.")
    return pack


def _find_votes(archive: Archive, tables: list[str], opening: Opening) -> VoteTable | None:
    """A table of annotators' votes, in addition to the samples."""
    for name in tables:
        if Path(name).stem.lower() in TABLE_STEMS:
            found = as_vote_table(name, opening.table(archive, name))
            if found is not None:
                return found
    return None


def _refuse_documents(filename: str, names: list[str]) -> None:
    if "[Content_Types].xml" in names:
        raise UnsupportedMediaType(f"{filename} is an Office document. Save the sheet as CSV.")
    if any(name.endswith("/data.pkl") or name == "data.pkl" for name in names):
        what = "a PyTorch file, which can run code when it is read"
        raise UnsupportedMediaType(f"{filename} is {what}. Save the arrays as NPZ.")


def _manifest_order(name: str) -> tuple[int, int, str]:
    stem = Path(name).stem.lower()
    place = MANIFEST_STEMS.index(stem) if stem in MANIFEST_STEMS else len(MANIFEST_STEMS)
    return place, name.count("/"), name


def _open_arrays(archive: Archive, opening: Opening) -> Pack:
    source = NpzSource(archive, opening.limits)
    profiles = opening.profile(source)
    try:
        plan = plan_roles(source, profiles, opening.roles)
    except BadDataset as error:
        if error.type != "label-column-missing":
            raise
        raise refuse(error.type, f"{error.detail} {NO_COMPANION}") from error
    return Pack(source.format, source, plan, profiles, archive)


def _open_images(
    archive: Archive, images: list[Member], tables: list[str], opening: Opening
) -> Pack:
    folder = FolderSource(images)
    problem = None
    for table in tables:
        try:
            return _open_manifest(archive, images, table, opening)
        except BadDataset as error:
            if error.type not in ("label-column-missing", "manifest-mismatch"):
                raise
            problem = problem or error
    profiles = opening.profile(folder)
    if len(profiles["label"].distinct) < 2 and problem is not None:
        raise problem
    if not profiles["label"].present:
        detail = (
            "The images are in no folders. Put each into a folder named after its class, or add "
        )
        raise refuse("label-column-missing", f"{detail}a table with the columns file and label.")
    roles_alone = ColumnRoles(sample_id="sample_id", label="label", file="file")
    plan = plan_roles(folder, profiles, roles_alone, media=True)
    pack = Pack("imagefolder", folder, plan, profiles, archive, images)
    if folder.has_splits:
        pack.notes.append("The folders train, test etc. were read as one dataset.")
    return pack


def _open_manifest(archive: Archive, images: list[Member], table: str, opening: Opening) -> Pack:
    source = opening.table(archive, table)
    profiles = opening.profile(source)
    plan = plan_roles(source, profiles, opening.roles, media=True)
    prefix = find_prefix(archive, table, profiles[plan.file or ""].samples)
    return Pack(
        "image-manifest", source, plan, profiles, archive, images, table=table, prefix=prefix
    )


def _open_zipped_table(archive: Archive, table: str, opening: Opening) -> Pack:
    source = opening.table(archive, table)
    profiles = opening.profile(source)
    plan = plan_roles(source, profiles, opening.roles)
    return Pack("zipped-table", source, plan, profiles, archive, table=table)


def _open_aligned(archive: Archive, table: str, arrays: str, opening: Opening) -> Pack:
    rows = opening.table(archive, table)
    spooled = archive.spool(archive.members[arrays], opening.workspace)
    inner = open_archive(spooled, opening.limits)
    source = AlignedSource(rows, NpzSource(inner, opening.limits))
    profiles = opening.profile(source)
    plan = plan_roles(source, profiles, opening.roles)
    return Pack("array-manifest", source, plan, profiles, archive, table=table, arrays=arrays)


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
