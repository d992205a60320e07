"""Rewrites a table of any kind: labels are corrected, other columns are unchanged."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from service.exports.formats.arrow_rows import rewrite_arrow, rewrite_parquet
from service.exports.formats.corrections import RowEdits
from service.exports.formats.csv_rows import rewrite_csv
from service.exports.formats.json_rows import rewrite_json
from service.exports.formats.output import Output
from service.ingest.origin import Origin

Writer = Callable[[Path, Origin, RowEdits, Output], None]
WRITERS: dict[str, Writer] = {
    "csv": rewrite_csv,
    "tsv": rewrite_csv,
    "jsonl": partial(rewrite_json, layout="lines"),
    "json": partial(rewrite_json, layout="array"),
    "parquet": rewrite_parquet,
    "arrow": rewrite_arrow,
}


def rewrite_table(path: Path, origin: Origin, edits: RowEdits, output: Output) -> None:
    """Rewrite a table of `origin.table_format`."""
    WRITERS[str(origin.table_format)](path, origin, edits, output)
