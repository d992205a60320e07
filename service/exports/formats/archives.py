"""An archive with a table in it rewritten: the table corrected, excluded media left out."""

import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq

from service.exports.formats.arrays import rewrite_npz
from service.exports.formats.corrections import CorrectedLabels, RowEdits, read_rows
from service.exports.formats.tables import PASSED, rewrite_table
from service.exports.formats.zips import copy_member, new_member
from service.ingest.archive import Archive, open_archive
from service.ingest.origin import Origin

Progress = Callable[[float], None]
BLOCK = 1 << 20


def rewrite_archive(
    upload: Path,
    samples: Path,
    labels: CorrectedLabels,
    origin: Origin,
    edits: RowEdits,
    target: Path,
    escape_formulas: bool,
    tell: Progress,
) -> None:
    """Copy all members but the table (and arrays), which are rewritten, and excluded media."""
    archive = open_archive(upload, PASSED)
    left_out = _left_out(samples, labels, origin)
    with (
        tempfile.TemporaryDirectory(dir=target.parent, prefix=".export.") as folder,
        zipfile.ZipFile(target, "w") as written,
    ):
        for done, (name, member) in enumerate(archive.members.items()):
            tell(done / len(archive.members))
            workspace = Path(folder)
            if name == origin.table:
                spooled = archive.spool(member, workspace)
                rewrite_table(spooled, origin, edits, workspace / "table", escape_formulas, _silent)
                _add(written, name, workspace / "table")
            elif name == origin.arrays and edits.excluded:
                _rewrite_arrays(archive, name, edits, workspace, written)
            elif name not in left_out:
                copy_member(archive, member, name, written)


def _silent(_: float) -> None:
    return None


def _left_out(samples: Path, labels: CorrectedLabels, origin: Origin) -> set[str]:
    """Media of excluded samples, but for those that a kept sample shares."""
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
    rewrite_npz(spooled, None, edits, workspace / "arrays", _silent)
    _add(written, name, workspace / "arrays")


def _add(written: zipfile.ZipFile, name: str, path: Path) -> None:
    method = zipfile.ZIP_STORED if name.endswith((".npz", ".parquet")) else zipfile.ZIP_DEFLATED
    with (
        path.open("rb") as file,
        written.open(new_member(name, method), "w", force_zip64=True) as stream,
    ):
        while block := file.read(BLOCK):
            stream.write(block)
