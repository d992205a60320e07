"""The canonical samples with the decisions beside them, as CSV or Parquet."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from service.exports.formats.cells import escape, open_writer
from service.exports.formats.corrections import CorrectedLabels
from service.ingest.content import FEATURE
from service.ingest.writer import ROW_GROUP

Progress = Callable[[float], None]
DECIDED = ("corrected_label", "verdict", "annotator", "corrected_at")
# Where the bytes lie in an upload that the reader of an export does not have.
PLACES = ("media_offset", "media_compressed", "media_size", "media_method")


def write_flat_parquet(
    samples: Path, labels: CorrectedLabels, target: Path, tell: Progress
) -> None:
    """`sample_id`, `given_label`, the decision, then what was audited."""
    writer: Any = None
    with target.open("wb") as file:
        for batch in _batches(samples, labels, tell, vectors=True):
            writer = writer or pq.ParquetWriter(file, batch.schema, compression="zstd")
            writer.write_batch(batch)
        writer.close()


def write_flat_csv(
    samples: Path, labels: CorrectedLabels, target: Path, escape_formulas: bool, tell: Progress
) -> None:
    """The same as CSV, without vectors: they have no place in a cell."""
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = open_writer(file)
        header = False
        for batch in _batches(samples, labels, tell, vectors=False):
            if not header:
                writer.writerow(batch.schema.names)
                header = True
            columns = [_cells(column, escape_formulas) for column in batch.columns]
            writer.writerows(zip(*columns, strict=True))


def _cells(column: Any, escape_formulas: bool) -> list[Any]:
    values: list[Any] = column.to_pylist()
    if not escape_formulas or not pa.types.is_string(column.type):
        return values
    return [value if value is None else escape(value) for value in values]


def _batches(
    samples: Path, labels: CorrectedLabels, tell: Progress, *, vectors: bool
) -> Iterator[Any]:
    with pq.ParquetFile(samples, pre_buffer=False) as file:
        names = _choose(file.schema_arrow, vectors)
        first = 0
        for batch in file.iter_batches(ROW_GROUP, columns=list(names), use_threads=False):
            yield _decide(batch, names, labels, first)
            first += batch.num_rows
            tell(first / file.metadata.num_rows)


def _choose(schema: Any, vectors: bool) -> dict[str, str]:
    """Columns to write and the names they get: a feature its own, unless that one is taken."""
    kept = [
        field.name
        for field in schema
        if field.name not in PLACES and (vectors or not pa.types.is_nested(field.type))
    ]
    taken = {*kept, *DECIDED}
    plain = {name: name.removeprefix(FEATURE) for name in kept}
    return {name: name if short in taken else short for name, short in plain.items()}


def _decide(batch: Any, names: dict[str, str], labels: CorrectedLabels, first: int) -> Any:
    found = [labels.get(position) for position in range(first, first + batch.num_rows)]
    given = batch["given_label"].to_pylist()
    final = [
        label if decision is None or decision.corrected_label is None else decision.corrected_label
        for label, decision in zip(given, found, strict=True)
    ]
    decided = (
        final,
        [decision and decision.verdict for decision in found],
        [decision and decision.annotator for decision in found],
        [decision and decision.timestamp for decision in found],
    )
    columns = {"sample_id": batch["sample_id"], "given_label": batch["given_label"]}
    columns |= {n: pa.array(v, pa.string()) for n, v in zip(DECIDED, decided, strict=True)}
    columns |= {short: batch[name] for name, short in names.items()}
    keep = pa.array([decision is None or not decision.excluded for decision in found])
    return pa.RecordBatch.from_pydict(columns).filter(keep)
