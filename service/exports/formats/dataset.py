"""One export: chooses the writer of the requested format."""

from pathlib import Path
from typing import Literal

from service.core.errors import BadInput
from service.exports.formats.archives import rewrite_archive
from service.exports.formats.arrays import rewrite_npz
from service.exports.formats.corrections import CorrectedLabels, RowEdits
from service.exports.formats.flat import write_flat_csv, write_flat_parquet
from service.exports.formats.folders import rewrite_folders
from service.exports.formats.output import Output, Progress
from service.exports.formats.patch import write_patch
from service.exports.formats.tables import rewrite_table
from service.ingest.origin import Origin, read_origin
from service.storage.atomic import replacing

Format = Literal["original", "csv", "parquet", "patch"]

SUFFIXES = {"csv": ".csv", "tsv": ".tsv", "jsonl": ".jsonl", "parquet": ".parquet", "npz": ".npz"}


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
    on_progress: Progress | None = None,
) -> str:
    """Write the corrected dataset to `destination`; returns the suffix its name should have.

    `kind` and `form` are the ingest report's; `samples` is the canonical Parquet file. Formats:
    `original` (the form of the upload, labels corrected, all else untouched), `csv`, `parquet`
    (canonical columns and the corrections), `patch` (JSON Lines of the corrections alone). Excluded
    samples are left out of all but `patch`. Equal input gives equal bytes.

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
        else:
            detail = f"There is no export format {format!r}: original, csv, parquet or patch."
            raise BadInput(detail, type="unknown-format")
    return _suffix(origin, format)


def _suffix(origin: Origin, format: str) -> str:
    if format == "patch":
        return ".jsonl"
    return SUFFIXES.get(origin.format, ".zip") if format == "original" else SUFFIXES[format]


def _write_original(
    origin: Origin,
    upload: Path,
    samples: Path,
    labels: CorrectedLabels,
    output: Output,
) -> None:
    edits = RowEdits(labels, origin)
    if origin.format == "imagefolder":
        rewrite_folders(upload, samples, labels, output)
    elif origin.format == "npz":
        rewrite_npz(upload, origin.label_column, edits, output)
    elif origin.table is not None:
        rewrite_archive(upload, samples, labels, origin, edits, output)
    else:
        rewrite_table(upload, origin, edits, output)
