"""Rewrites an archive with tables: they are corrected, excluded media are left out."""

import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

from service.exports.formats.arrays import rewrite_npz
from service.exports.formats.containers import rewriting
from service.exports.formats.corrections import CorrectedLabels, Correction, RowEdits, read_rows
from service.exports.formats.limits import PASSED
from service.exports.formats.output import Output
from service.exports.formats.tables import rewrite_table
from service.ingest.archives.archive import Archive, Member
from service.ingest.archives.opening import open_archive
from service.ingest.archives.unwrap import compress, find_compression, unwrap
from service.ingest.detect import read_head
from service.ingest.origin import Origin


def rewrite_archive(
    upload: Path,
    samples: Path,
    labels: CorrectedLabels,
    origin: Origin,
    edits: RowEdits,
    output: Output,
) -> None:
    """Copy the archive with its tables (and arrays) rewritten and without excluded media."""
    archive = open_archive(upload, PASSED)
    left_out = _left_out(samples, labels, origin)
    parts = _parts(origin, edits)
    unlisted = _unlisted(samples, labels, origin, edits)
    with (
        tempfile.TemporaryDirectory(dir=output.target.parent, prefix=".export.") as folder,
        rewriting(archive, output.target) as written,
    ):
        workspace = Path(folder)
        for done, member in enumerate(written.entries()):
            report = partial(_report, output, done, len(archive.members))
            report(0.0)
            name = member.name
            if name in parts:
                extra = unlisted if name == next(iter(parts)) else {}
                table = Output(workspace / "table", report, output.escape_formulas, extra)
                _rewrite_member(archive, member, origin, parts[name], table)
                written.add(name, table.target, member)
            elif name == origin.arrays and edits.excluded:
                arrays = Output(workspace / "arrays")
                spooled = archive.spool(member, workspace)
                rewrite_npz(spooled, replace(origin, tables={}, label_column=None), edits, arrays)
                written.add(name, arrays.target, member)
            elif name not in left_out:
                written.copy(member, name)


def _report(output: Output, done: int, count: int, share: float) -> None:
    """Report the progress of one member as that of the whole archive."""
    output.on_progress(min(1.0, (done + share) / count))


def _parts(origin: Origin, edits: RowEdits) -> dict[str, RowEdits]:
    """The tables and the corrections of each."""
    if not origin.tables:
        return {} if origin.table is None else {origin.table: edits}
    parts, first = {}, 0
    for name, rows in origin.tables.items():
        parts[name] = edits.part(first, first + rows)
        first += rows
    return parts


def _rewrite_member(
    archive: Archive, member: Member, origin: Origin, edits: RowEdits, output: Output
) -> None:
    """Rewrite one table, compressed as it was; one without corrections is copied."""
    spooled = archive.spool(member, output.target.parent)
    if not edits.any and not output.unlisted and not output.escape_formulas:
        spooled.replace(output.target)
        return
    compression = find_compression(read_head(spooled))
    if compression is None:
        rewrite_table(spooled, origin, edits, output)
        return
    plain = unwrap(spooled, compression, output.target.with_name("plain"), PASSED)
    rewritten = replace(output, target=output.target.with_name("rewritten"))
    rewrite_table(plain, origin, edits, rewritten)
    compress(rewritten.target, compression, output.target)


def _unlisted(
    samples: Path, labels: CorrectedLabels, origin: Origin, edits: RowEdits
) -> dict[str, Correction]:
    """Corrected pictures that no table lists, by their names in the archive."""
    if origin.listed_rows is None:
        return {}
    positions = [p for p in sorted(labels) if edits.row_of(p) >= origin.listed_rows]
    files = read_rows(samples, positions, ["file"])
    found = zip(positions, files, strict=True)
    return {row["file"]: labels[p] for p, row in found if labels[p].corrected_label is not None}


def _left_out(samples: Path, labels: CorrectedLabels, origin: Origin) -> set[str]:
    """Media of excluded samples, except those that a kept sample shares."""
    if origin.kind != "image":
        return set()
    excluded = sorted(position for position, label in labels.items() if label.excluded)
    files = {row["file"] for row in read_rows(samples, excluded, ["file"])}
    position = 0
    with pq.ParquetFile(samples, pre_buffer=False) as file:
        for batch in file.iter_batches(columns=["file"], use_threads=False):
            for name in batch[0].to_pylist():
                kept = position not in labels or not labels[position].excluded
                if kept and name in files:
                    files.remove(name)
                position += 1
    return files
