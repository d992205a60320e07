"""One export: chooses the writer of the requested format."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Literal

from service.core.errors import BadInput
from service.exports.formats.archives import rewrite_archive
from service.exports.formats.arrays import rewrite_npz
from service.exports.formats.corrections import CorrectedLabels, RowEdits
from service.exports.formats.flat import write_flat_csv, write_flat_parquet
from service.exports.formats.folders import rewrite_folders
from service.exports.formats.label_studio import (
    NO_SUGGESTIONS,
    Suggestions,
    write_label_studio,
)
from service.exports.formats.limits import PASSED
from service.exports.formats.output import Output, Progress
from service.exports.formats.patch import write_patch
from service.exports.formats.tables import rewrite_table
from service.ingest.archives.tars import is_tar
from service.ingest.archives.unwrap import compress, find_compression, unwrap
from service.ingest.detect import read_head
from service.ingest.origin import Origin, read_origin
from service.storage.atomic import replacing

Format = Literal["original", "csv", "parquet", "patch", "label-studio"]

SUFFIXES = {
    "csv": ".csv",
    "tsv": ".tsv",
    "jsonl": ".jsonl",
    "json": ".json",
    "parquet": ".parquet",
    "npz": ".npz",
    "arrow": ".arrow",
}
COMPRESSIONS = {"gzip": ".gz", "bzip2": ".bz2", "xz": ".xz", "zstd": ".zst"}
NOT_WRITTEN = {
    "spreadsheet": "a spreadsheet",
    "idx": "IDX files",
    "cifar": "CIFAR batches",
    "listings": "images with labels in JSON, in lists or in files beside them",
}


def export(
    kind: str,
    form: str,
    upload: Path,
    samples: Path,
    labels: CorrectedLabels,
    destination: Path,
    *,
    format: str = "original",
    escape_formulas: bool | None = None,
    suggestions: Suggestions = NO_SUGGESTIONS,
    on_progress: Progress | None = None,
) -> str:
    """Write the corrected dataset to `destination`; returns the suffix its name should have.

    `kind` and `form` are the ingest report's; `samples` is the canonical Parquet file. Formats:
    `original` (the form of the upload, labels corrected, all else untouched), `csv`, `parquet`
    (canonical columns and the corrections), `patch` (JSON Lines of the corrections alone),
    `label-studio` (its tasks, with the `suggestions` of an audit). Excluded samples are left out of
    all but `patch`. Equal input gives equal bytes.

    `escape_formulas` puts a quote before CSV cells that a spreadsheet would run. It changes the
    data, so only `csv` does it by default. Raises BadInput for an unknown format.
    """
    origin = read_origin(samples)
    if (origin.kind, origin.format) != (kind, form):
        detail = f"The samples are {origin.kind} from {origin.format}, not {kind} from {form}."
        raise BadInput(detail, type="form-mismatch")
    if escape_formulas is None:
        escape_formulas = format == "csv"
    with replacing(destination) as target:
        output = Output(target, on_progress or (lambda _: None), escape_formulas)
        if format == "original":
            _write_original(origin, upload, samples, labels, output)
        elif format == "csv":
            write_flat_csv(samples, labels, output)
        elif format == "parquet":
            write_flat_parquet(samples, labels, output)
        elif format == "patch":
            write_patch(samples, labels, output)
        elif format == "label-studio":
            write_label_studio(samples, kind, labels, suggestions, output)
        else:
            known = "original, csv, parquet, patch or label-studio"
            detail = f"There is no export format {format!r}: {known}."
            raise BadInput(detail, type="unknown-format")
    return _suffix(origin, format, upload)


def _suffix(origin: Origin, format: str, upload: Path) -> str:
    if format == "patch":
        return ".jsonl"
    if format == "label-studio":
        return ".json"
    if format != "original":
        return SUFFIXES[format]
    compression = find_compression(read_head(upload))
    if compression is None:
        return SUFFIXES.get(origin.format) or (".tar" if is_tar(read_head(upload)) else ".zip")
    return SUFFIXES.get(origin.format, ".tar") + COMPRESSIONS[compression]


def _write_original(
    origin: Origin, upload: Path, samples: Path, labels: CorrectedLabels, output: Output
) -> None:
    """The upload itself if nobody corrected anything, else one of its kind with corrections."""
    edits = RowEdits(labels, origin)
    if not edits.any and not output.escape_formulas:
        shutil.copyfile(upload, output.target)
        return
    if (what := NOT_WRITTEN.get(str(origin.table_format))) is not None:
        detail = f"The upload is {what}, which cannot be written with corrections. Export as csv, "
        raise BadInput(f"{detail}parquet or patch instead.", type="original-not-written")
    compression = find_compression(read_head(upload))
    if compression is None:
        _rewrite(origin, upload, samples, edits, labels, output)
        return
    with tempfile.TemporaryDirectory(dir=output.target.parent, prefix=".export.") as folder:
        plain = unwrap(upload, compression, Path(folder) / "plain", PASSED)
        rewritten = replace(output, target=Path(folder) / "rewritten")
        _rewrite(origin, plain, samples, edits, labels, rewritten)
        compress(rewritten.target, compression, output.target)


def _rewrite(
    origin: Origin,
    upload: Path,
    samples: Path,
    edits: RowEdits,
    labels: CorrectedLabels,
    output: Output,
) -> None:
    if origin.format in ("imagefolder", "textfolder"):
        rewrite_folders(upload, samples, labels, origin, edits, output)
    elif origin.format == "npz":
        rewrite_npz(upload, origin, edits, output)
    elif origin.table is not None:
        rewrite_archive(upload, samples, labels, origin, edits, output)
    else:
        rewrite_table(upload, origin, edits, output)
