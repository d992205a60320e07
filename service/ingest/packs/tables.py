"""Opens tables: alone, among the members of an archive, or several as one."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from service.core.errors import BadDataset, UnsupportedMediaType
from service.ingest.archives.archive import Archive
from service.ingest.archives.unwrap import find_compression, plain_name, unwrap
from service.ingest.columns.column_names import LABELS, LOOKS_LIKE_ID, SAMPLE_IDS, SPLITS
from service.ingest.columns.label_column import Profiles, find_label
from service.ingest.columns.profile import ColumnProfile
from service.ingest.columns.roles import plan_roles
from service.ingest.columns.wide_probabilities import COLUMN, WideSource, find_wide
from service.ingest.detect import ACCEPTED, Container, detect, read_head
from service.ingest.faults import refuse
from service.ingest.folders.names import is_split_name
from service.ingest.packs.pack import Opening, Pack
from service.ingest.report import Limits
from service.ingest.source import RowSource
from service.ingest.tables.arrow_file import ArrowSource
from service.ingest.tables.delimited import CsvSource
from service.ingest.tables.json_rows import JsonSource
from service.ingest.tables.parquet import ParquetSource
from service.ingest.tables.several import Part, Several, split_of
from service.ingest.tables.spreadsheet import SpreadsheetSource

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".arrow", ".feather")
READERS: dict[str, Callable[[Path, Limits], RowSource]] = {
    "parquet": ParquetSource,
    "jsonl": partial(JsonSource, layout="lines"),
    "json": partial(JsonSource, layout="array"),
    "csv": CsvSource,
    "arrow": ArrowSource,
    "spreadsheet": SpreadsheetSource,
}


def open_table(
    path: Path, filename: str, limits: Limits, container: Container | None = None
) -> RowSource:
    """The reader for a table of any kind; `container` if it has been detected already."""
    container = container or detect(path, filename)
    reader = READERS.get(container)
    if reader is None:
        raise refuse("archive-nested", f"{filename} is a zip inside the zip. Unpack it.")
    return reader(path, limits)


def is_table(name: str) -> bool:
    """True for the names of tables, compressed or not."""
    return plain_name(name).lower().endswith(TABLE_SUFFIXES)


def open_member(archive: Archive, name: str, opening: Opening) -> RowSource:
    """A table among the members of an archive."""
    spooled = archive.spool(archive.members[name], opening.workspace)
    compression = find_compression(read_head(spooled))
    if compression is not None:
        spooled = unwrap(
            spooled, compression, spooled.with_name(f"{spooled.name}.plain"), opening.limits
        )
    return open_table(spooled, plain_name(name), opening.limits)


def open_lone_table(path: Path, opening: Opening, container: Container) -> Pack:
    """An upload that is a table."""
    return plan_table(open_table(path, opening.filename, opening.limits, container), opening)


def plan_table(source: RowSource, opening: Opening) -> Pack:
    """Decide what is audited; columns of probabilities for each class are read as one."""
    profiles = opening.profile(source)
    try:
        plan = plan_roles(source, profiles, opening.roles)
    except BadDataset as error:
        if error.type != "no-features" or (wide := _as_wide(source, profiles, opening)) is None:
            raise
        return wide
    if plan.kind == "table" and opening.roles.features is None:
        return _as_wide(source, profiles, opening) or Pack(source.format, source, plan, profiles)
    return Pack(source.format, source, plan, profiles)


def _as_wide(source: RowSource, profiles: Profiles, opening: Opening) -> Pack | None:
    label = find_label(source, profiles, opening.roles)
    by_class = find_wide(source, profiles, label)
    if by_class is None:
        return None
    wide = WideSource(source, label, by_class)
    added = ColumnProfile(COLUMN, rows=profiles[label].rows)
    added.types.add("list")
    known = {**profiles, COLUMN: added}
    plan = plan_roles(wide, known, replace(opening.roles, label=label, pred_probs=COLUMN))
    return Pack(source.format, wide, plan, known)


def open_zipped_tables(archive: Archive, names: list[str], opening: Opening) -> Pack:
    """One table in an archive, or several with the same columns."""
    parts, others = without_side_tables(
        [Part(name, open_member(archive, name, opening)) for name in names]
    )
    pack = plan_table(join_tables(parts, opening), opening)
    pack.format, pack.archive, pack.tables = "zipped-table", archive, [p.name for p in parts]
    for part in others:
        pack.notes.append(
            f"Did not read {part.name}: it has only {', '.join(part.source.columns)} and not what "
            f"is judged in {parts[0].name}."
        )
    return pack


def without_side_tables(parts: list[Part]) -> tuple[list[Part], list[Part]]:
    """The tables of samples, and those that repeat only their ids and labels, such as Kaggle's
    sample_submission.csv: its labels are made up, and its samples stand in another table."""
    whole = [part for part in parts if _has_content(part)]
    known = {name for part in whole for name in part.source.columns}
    side = [p for p in parts if p not in whole and known.issuperset(p.source.columns)]
    return [part for part in parts if part not in side], side


def _has_content(part: Part) -> bool:
    """Whether the table has a column beside ids, labels and splits."""
    names = {name.lower() for name in part.source.columns}
    return any(
        name not in (*SAMPLE_IDS, *LABELS, *SPLITS) and not LOOKS_LIKE_ID.fullmatch(name)
        for name in names
    )


def join_tables(parts: list[Part], opening: Opening) -> RowSource:
    """The tables as one. Raises UnsupportedMediaType if they are not of the same columns."""
    if len(parts) == 1:
        return parts[0].source
    every = [set(part.source.columns) for part in parts]
    most = max(every, key=len)
    # Kaggle's test.csv has no label: a column or two may be missing.
    alike = all(len(most - columns) <= 2 and len(most & columns) >= 2 for columns in every)
    same_format = len({part.source.format for part in parts}) == 1
    if not alike or not same_format:
        named = ", ".join(part.name for part in parts[:5])
        detail = f"{opening.filename} contains {len(parts)} tables with different columns ({named})"
        raise UnsupportedMediaType(f"{detail} instead of one. Upload the one with the labels.")
    return Several([Part(p.name, p.source, split_of(p.name, is_split_name)) for p in parts])


def no_content(filename: str, names: list[str]) -> UnsupportedMediaType:
    """The refusal of an archive that holds nothing to read."""
    kinds = Counter(PurePosixPath(name).suffix.lower() or "without a suffix" for name in names)
    held = ", ".join(f"{kind} ({count})" for kind, count in kinds.most_common(3))
    detail = f"{filename} contains no images, tables or texts"
    detail += f". Its files are: {held}." if held else ", and no other file."
    return UnsupportedMediaType(f"{detail} {ACCEPTED}")
