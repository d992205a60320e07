"""Writes the canonical samples with their corrections, as CSV or Parquet."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from service.exports.formats.cells import escape, open_writer
from service.exports.formats.corrections import CorrectedLabels
from service.exports.formats.output import Output
from service.ingest.columns.content import FEATURE
from service.ingest.images.measured import PREFIX as MEASURED
from service.ingest.writer import PRIOR_SPLIT, ROW_GROUP

CORRECTION_COLUMNS = ("corrected_label", "verdict", "annotator", "corrected_at", "certificate")
# Places in the upload, which the reader of an export does not have, and measures of pictures.
INTERNAL = ("media_", MEASURED)


def write_flat_parquet(samples: Path, labels: CorrectedLabels, output: Output) -> None:
    """Write `sample_id`, `given_label`, the correction, then the sample's content."""
    writer: Any = None
    with output.target.open("wb") as file:
        for batch in _batches(samples, labels, output, vectors=True):
            writer = writer or pq.ParquetWriter(file, batch.schema, compression="zstd")
            writer.write_batch(batch)
        writer.close()


def write_flat_csv(samples: Path, labels: CorrectedLabels, output: Output) -> None:
    """Write the same as CSV, without vectors, which do not fit in a cell."""
    with output.target.open("w", encoding="utf-8", newline="") as file:
        writer = open_writer(file)
        header = False
        for batch in _batches(samples, labels, output, vectors=False):
            if not header:
                writer.writerow(batch.schema.names)
                header = True
            columns = [_cells(column, output.escape_formulas) for column in batch.columns]
            writer.writerows(zip(*columns, strict=True))


def _cells(column: Any, escape_formulas: bool) -> list[Any]:
    values: list[Any] = column.to_pylist()
    if not escape_formulas or not pa.types.is_string(column.type):
        return values
    return [value if value is None else escape(value) for value in values]


def _batches(
    samples: Path, labels: CorrectedLabels, output: Output, *, vectors: bool
) -> Iterator[Any]:
    with pq.ParquetFile(samples, pre_buffer=False) as file:
        names = _choose(file.schema_arrow, vectors)
        first = 0
        for batch in file.iter_batches(ROW_GROUP, columns=list(names), use_threads=False):
            yield _correct(batch, names, labels, first)
            first += batch.num_rows
            output.on_progress(first / file.metadata.num_rows)


def _choose(schema: Any, vectors: bool) -> dict[str, str]:
    """The columns to write and their names: features lose their prefix unless the name is taken."""
    kept = [
        field.name
        for field in schema
        if not field.name.startswith(INTERNAL) and (vectors or not pa.types.is_nested(field.type))
    ]
    taken = {*kept, *CORRECTION_COLUMNS}
    plain = {name: name.removeprefix(FEATURE) for name in kept}
    if PRIOR_SPLIT in plain:
        plain[PRIOR_SPLIT] = "split"
    return {name: name if short in taken else short for name, short in plain.items()}


def _correct(batch: Any, names: dict[str, str], labels: CorrectedLabels, first: int) -> Any:
    found = [labels.get(position) for position in range(first, first + batch.num_rows)]
    given = batch["given_label"].to_pylist()
    final = [
        label if change is None or change.corrected_label is None else change.corrected_label
        for label, change in zip(given, found, strict=True)
    ]
    values = (
        final,
        [change and change.verdict for change in found],
        [change and change.annotator for change in found],
        [change and change.timestamp for change in found],
        [change and change.certificate for change in found],
    )
    columns = {"sample_id": batch["sample_id"], "given_label": batch["given_label"]}
    columns |= {
        n: pa.array(v, pa.string()) for n, v in zip(CORRECTION_COLUMNS, values, strict=True)
    }
    columns |= {short: batch[name] for name, short in names.items()}
    keep = pa.array([change is None or not change.excluded for change in found])
    return pa.RecordBatch.from_pydict(columns).filter(keep)
