"""One export: the form is chosen here, written by the module of that form."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from service.core.errors import BadInput
from service.exports.formats.archives import rewrite_archive
from service.exports.formats.arrays import rewrite_npz
from service.exports.formats.corrections import CorrectedLabels, RowEdits
from service.exports.formats.flat import write_flat_csv, write_flat_parquet
from service.exports.formats.folders import rewrite_folders
from service.exports.formats.patch import write_patch
from service.exports.formats.tables import rewrite_table
from service.ingest.origin import Origin, read_origin
from service.storage.atomic import replacing

Format = Literal["original", "csv", "parquet", "patch"]
Progress = Callable[[float], None]

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
    (canonical columns and the decisions), `patch` (JSON Lines of the decisions alone). Excluded
    samples are left out of all but `patch`. Equal input gives equal bytes.

    `escape_formulas` puts a quote before CSV cells that a spreadsheet would run; by default for
    `csv` alone, because it changes the data. Raises BadInput for an unknown format.
    """
    origin = read_origin(samples)
    if (origin.kind, origin.format) != (kind, form):
        detail = f"The samples are {origin.kind} from {origin.format}, not {kind} from {form}."
        raise BadInput(detail, type="form-mismatch")
    tell = on_progress or (lambda _: None)
    with replacing(destination) as target:
        if format == "original":
            _write_original(origin, upload, samples, labels, target, bool(escape_formulas), tell)
        elif format == "csv":
            write_flat_csv(samples, labels, target, escape_formulas is not False, tell)
        elif format == "parquet":
            write_flat_parquet(samples, labels, target, tell)
        elif format == "patch":
            write_patch(samples, labels, target, tell)
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
    target: Path,
    escape_formulas: bool,
    tell: Progress,
) -> None:
    edits = RowEdits(labels, origin)
    if origin.format == "imagefolder":
        rewrite_folders(upload, samples, labels, target, tell)
    elif origin.format == "npz":
        rewrite_npz(upload, origin.label_column, edits, target, tell)
    elif origin.table is not None:
        rewrite_archive(upload, samples, labels, origin, edits, target, escape_formulas, tell)
    else:
        rewrite_table(upload, origin, edits, target, escape_formulas, tell)
