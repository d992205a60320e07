"""Rewrites an archive with a table: the table is corrected, excluded media are left out."""

import tempfile
import zipfile
from pathlib import Path

import pyarrow.parquet as pq

from service.exports.formats.arrays import rewrite_npz
from service.exports.formats.corrections import CorrectedLabels, RowEdits, read_rows
from service.exports.formats.output import Output
from service.exports.formats.tables import PASSED, rewrite_table
from service.exports.formats.zips import copy_member, new_member
from service.ingest.archive import Archive, open_archive
from service.ingest.origin import Origin

BLOCK = 1 << 20


def rewrite_archive(
    upload: Path,
    samples: Path,
    labels: CorrectedLabels,
    origin: Origin,
    edits: RowEdits,
    output: Output,
) -> None:
    """Copy the archive with its table (and arrays) rewritten and without excluded media."""
    archive = open_archive(upload, PASSED)
    left_out = _left_out(samples, labels, origin)
    with (
        tempfile.TemporaryDirectory(dir=output.target.parent, prefix=".export.") as folder,
        zipfile.ZipFile(output.target, "w") as written,
    ):
        for done, (name, member) in enumerate(archive.members.items()):
            output.on_progress(done / len(archive.members))
            workspace = Path(folder)
            if name == origin.table:
                spooled = archive.spool(member, workspace)
                table = Output(workspace / "table", escape_formulas=output.escape_formulas)
                rewrite_table(spooled, origin, edits, table)
                _add(written, name, table.target)
            elif name == origin.arrays and edits.excluded:
                _rewrite_arrays(archive, name, edits, workspace, written)
            elif name not in left_out:
                copy_member(archive, member, name, written)


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


def _rewrite_arrays(
    archive: Archive,
    name: str,
    edits: RowEdits,
    workspace: Path,
    written: zipfile.ZipFile,
) -> None:
    spooled = archive.spool(archive.members[name], workspace)
    arrays = Output(workspace / "arrays")
    rewrite_npz(spooled, None, edits, arrays)
    _add(written, name, arrays.target)


def _add(written: zipfile.ZipFile, name: str, path: Path) -> None:
    method = zipfile.ZIP_STORED if name.endswith((".npz", ".parquet")) else zipfile.ZIP_DEFLATED
    with (
        path.open("rb") as file,
        written.open(new_member(name, method), "w", force_zip64=True) as stream,
    ):
        while block := file.read(BLOCK):
            stream.write(block)
