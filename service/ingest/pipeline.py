"""From an upload to `samples.parquet`: open, plan, read batch by batch, commit."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from service.ingest.columns.content import (
    Content,
    Probabilities,
    Table,
    Text,
    Vectors,
)
from service.ingest.columns.convert import to_strings
from service.ingest.columns.labels import LabelReader, choose_coding
from service.ingest.columns.sample_ids import SampleIds
from service.ingest.images.embedded import EmbeddedImages
from service.ingest.images.manifest import Manifest
from service.ingest.images.pictures import Images, PictureColumns
from service.ingest.origin import Origin
from service.ingest.packs.opening import open_pack
from service.ingest.packs.pack import Opening, Pack
from service.ingest.report import (
    ColumnRoles,
    IngestReport,
    Limits,
    SeenColumn,
)
from service.ingest.tables.several import Several
from service.ingest.texts.files import TextFiles
from service.ingest.votes import VoteReader
from service.ingest.writer import MEDIA, PRIOR_SPLIT, SamplesWriter
from service.storage.atomic import publish

PLAN_SHARE = 0.3  # of the progress, for the pass that finds out what the columns are


def ingest(
    upload: Path,
    *,
    filename: str,
    roles: ColumnRoles | None = None,
    destination: Path,
    limits: Limits | None = None,
    on_progress: Callable[[float], None] | None = None,
    on_columns: Callable[[list[SeenColumn]], None] | None = None,
) -> IngestReport:
    """Read `upload` and write `destination/samples.parquet`, whole or not at all.

    `filename` is what the user calls the file; only messages use it. `on_progress` gets the share
    done, 0 to 1; `on_columns` gets the file's columns as soon as they are known. Raises BadDataset
    or UnsupportedMediaType with what is wrong and how to fix it.
    """
    roles, limits = roles or ColumnRoles(), limits or Limits()
    tell = on_progress or (lambda _: None)
    created = not destination.exists()
    destination.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=destination, prefix=".ingest.") as workspace:
            tell(0.0)
            opening = Opening(
                filename,
                roles,
                limits,
                Path(workspace),
                tell=lambda share: tell(PLAN_SHARE * share),
                on_columns=on_columns or (lambda _: None),
            )
            pack = open_pack(upload, opening)
            report = _write(pack, destination, Path(workspace), limits, tell)
            tell(1.0)
            return report
    except BaseException:
        if created:
            destination.rmdir()
        raise


def _write(
    pack: Pack, destination: Path, workspace: Path, limits: Limits, tell: Callable[[float], None]
) -> IngestReport:
    content = _open_content(pack, workspace, limits)
    labels = _open_labels(pack, limits)
    votes = _open_votes(pack, labels, workspace)
    try:
        with SamplesWriter(destination) as writer:
            skipped = _read_rows(pack, content, labels, votes, writer, tell)
            class_names = labels.finish()
            warnings = content.finish()
            if isinstance(content, Images | EmbeddedImages | TextFiles):
                content.bad.refuse_lost_classes(labels.counts)
            if isinstance(content, Probabilities):
                content.check_classes(class_names)
            vote_notes = votes.finish(destination, class_names)
            _publish_media(pack, destination)
            writer.commit(_origin(pack, labels, class_names, skipped))
    finally:
        if isinstance(content, Images | EmbeddedImages):
            content.close()
    return IngestReport(
        kind=pack.plan.kind,
        format=pack.format,
        sample_count=writer.rows,
        labeled_count=labels.counts.total(),
        class_names=class_names,
        class_counts=[labels.counts[name] for name in class_names],
        columns=replace(pack.plan.columns(), votes=pack.vote_columns.names()),
        warnings=[
            *pack.source.notes,
            *pack.notes,
            *pack.plan.warnings(),
            *labels.warnings(class_names),
            *warnings,
            *vote_notes,
        ],
    )


def _publish_media(pack: Pack, destination: Path) -> None:
    """Keep the file that the pictures lie in, if that is not the upload."""
    if pack.media is None:
        (destination / MEDIA).unlink(missing_ok=True)
    else:
        publish(pack.media, destination / MEDIA)


def _open_content(pack: Pack, workspace: Path, limits: Limits) -> Content:
    plan = pack.plan
    if plan.file is not None and plan.kind == "image":
        if not pack.member_column or pack.archive is None:
            pack.media = workspace / "pictures"
            return EmbeddedImages(plan.file, plan.label, pack.media, limits)
        columns = PictureColumns(pack.member_column, plan.file, plan.label)
        return Images(pack.archive, columns, pack.images, limits)
    if plan.file is not None and plan.kind == "text" and pack.archive is not None:
        return TextFiles(pack.archive, plan.file, plan.label, workspace, limits)
    if plan.text is not None:
        return Text(plan.text)
    if plan.embedding is not None:
        return Vectors(plan.embedding, limits)
    if plan.pred_probs is not None:
        return Probabilities(plan.pred_probs, limits)
    return Table(plan.features, plan.styles, plan.words)


def _open_votes(pack: Pack, labels: LabelReader, workspace: Path) -> VoteReader:
    names = labels.names if labels.coding == "codes" else None
    return VoteReader(workspace, pack.vote_columns, pack.votes, names)


def _read_rows(
    pack: Pack,
    content: Content,
    labels: LabelReader,
    votes: VoteReader,
    writer: SamplesWriter,
    tell: Callable[[float], None],
) -> list[int]:
    """Write every row; returns the 0-based rows that were left out."""
    plan, source = pack.plan, pack.source
    named = plan.file if pack.member_column else None  # an embedded picture has no name
    ids = SampleIds(plan.sample_id or pack.id_column or named)
    extra = [name for name in (ids.column, plan.split) if name is not None]
    needed = dict.fromkeys([plan.label, *content.columns(), *extra, *pack.vote_columns.names()])
    skipped: list[int] = []
    row = 0
    for batch in source.batches(list(needed)):
        read = batch.num_rows
        columns = content.read(batch, row)
        keep = columns.pop("keep", None)
        given = labels.read(batch[plan.label], row)
        if isinstance(content, Probabilities):
            content.observe(given, columns)
        rows = {"sample_id": _read_ids(ids, batch, row), "given_label": given, **columns}
        if plan.split is not None:
            rows[PRIOR_SPLIT] = to_strings(batch[plan.split])
        if keep is not None and not pc.all(keep).as_py():
            skipped += (pc.indices_nonzero(pc.invert(keep)).to_numpy() + row).tolist()
            labels.uncount(given.filter(pc.invert(keep)))
            batch = batch.filter(keep)
            rows = {name: column.filter(keep) for name, column in rows.items()}
        writer.write(rows)
        if votes.wanted:
            votes.read(batch, rows["sample_id"])
        row += read
        tell(PLAN_SHARE + (1 - PLAN_SHARE) * source.progress)
    if ids.column is not None and ids.may_clash:
        ids.refuse_duplicates(batch[0] for batch in source.batches([ids.column]))
    return skipped


def _open_labels(pack: Pack, limits: Limits) -> LabelReader:
    plan = pack.plan
    profile = pack.profiles[plan.label]
    names = pack.source.class_names.get(plan.label)
    if plan.kind == "probabilities" and names is None and profile.is_integer:
        first = next(iter(pack.source.batches([plan.pred_probs or ""])))
        width = pc.list_value_length(first[0])[0].as_py() or 0
        names = [str(index) for index in range(width)]
    arrays = pack.format in ("npz", "array-manifest")
    return LabelReader(plan.label, choose_coding(profile, names, arrays=arrays), names, limits)


def _read_ids(ids: SampleIds, batch: Any, row: int) -> Any:
    if ids.column is None:
        return ids.number(row, batch.num_rows)
    return ids.read(batch[ids.column], row)


def _origin(pack: Pack, labels: LabelReader, class_names: list[str], skipped: list[int]) -> Origin:
    plan = pack.plan
    return Origin(
        kind=plan.kind,
        format=pack.format,
        class_names=class_names,
        label_column=plan.label,
        sample_id_column=plan.sample_id,
        labels_are_codes=labels.coding == "codes",
        table_format=_table_format(pack),
        table=pack.tables[0] if pack.tables else None,
        arrays=pack.arrays,
        skipped_rows=skipped,
        **_table_rows(pack),
    )


def _table_format(pack: Pack) -> str:
    table = getattr(pack.source, "table", pack.source)
    return str(table.format)


def _table_rows(pack: Pack) -> dict[str, Any]:
    """The tables with their numbers of rows, where there are several or pictures in none."""
    manifest = pack.source if isinstance(pack.source, Manifest) else None
    tables: Any = pack.source
    while not isinstance(tables, Several) and hasattr(tables, "source"):
        tables = tables.source
    counts = tables.rows if isinstance(tables, Several) else []
    return {
        "tables": dict(zip(pack.tables, counts, strict=True)) if counts else {},
        "listed_rows": None if manifest is None else manifest.listed,
        "file_column": None if manifest is None else manifest.file,
    }
