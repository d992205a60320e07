"""Rewrites CSV, JSON Lines and Parquet: labels are corrected, other columns are unchanged."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from service.exports.formats.cells import escape, open_writer
from service.exports.formats.corrections import (
    GIVEN,
    Correction,
    LabelColumns,
    RowEdits,
)
from service.exports.formats.output import Output
from service.ingest.delimited import CsvSource
from service.ingest.jsonlines import JsonLinesSource
from service.ingest.origin import Origin
from service.ingest.parquet import ParquetSource
from service.ingest.report import Limits

# The upload passed the limits when it was ingested, whatever they were then.
PASSED = Limits(
    archive_entries=2**32,
    archive_unpacked=2**62,
    archive_ratio=2**32,
    rows=2**62,
    columns=2**31,
    unpacked_table=2**62,
    classes=2**31,
)
PROGRESS_INTERVAL = 1024  # rows


def rewrite_table(path: Path, origin: Origin, edits: RowEdits, output: Output) -> None:
    """Rewrite a table of `origin.table_format`."""
    if origin.table_format == "parquet":
        _rewrite_parquet(path, origin, edits, output)
    elif origin.table_format == "jsonl":
        _rewrite_jsonl(path, origin, edits, output)
    else:
        _rewrite_csv(path, origin, edits, output)


def _rewrite_csv(path: Path, origin: Origin, edits: RowEdits, output: Output) -> None:
    source = CsvSource(path, PASSED)
    label = str(origin.label_column)
    rule = LabelColumns.of(list(source.columns), label)
    columns = [*source.columns, *rule.added]
    place = source.columns.index(label)
    targets = [columns.index(name) for name in rule.corrected]
    kept = columns.index(GIVEN) if GIVEN in rule.added else None
    changes = edits.between(0, 2**62)
    with output.target.open("w", encoding="utf-8", newline="") as file:
        writer = open_writer(file, source.delimiter)
        writer.writerow(columns)
        for row, record in source.rows():
            change = changes.get(row - 1)
            if change is not None and change.excluded:
                continue
            given = record[place]
            cells = record + [""] * len(rule.added)
            for target_place in targets:
                cells[target_place] = _corrected_text(given, change, edits)
            if kept is not None:
                cells[kept] = given
            writer.writerow(map(escape, cells) if output.escape_formulas else cells)
            if row % PROGRESS_INTERVAL == 0:
                output.on_progress(source.progress)


def _corrected_text(given: str, change: Correction | None, edits: RowEdits) -> str:
    if change is None or change.corrected_label is None:
        return given
    return edits.written(change.corrected_label)


def _rewrite_jsonl(path: Path, origin: Origin, edits: RowEdits, output: Output) -> None:
    source = JsonLinesSource(path, PASSED)
    label = str(origin.label_column)
    rule = LabelColumns.of(list(source.columns), label)
    changes = edits.between(0, 2**62)
    with output.target.open("w", encoding="utf-8", newline="\n") as file:
        for row, record in source.rows():
            change = changes.get(row - 1)
            if change is not None and change.excluded:
                continue
            given = record.get(label)
            final = given
            if change is not None and change.corrected_label is not None:
                final = like(given, edits.written(change.corrected_label))
            if GIVEN in rule.added:
                record[GIVEN] = given
            record.update(dict.fromkeys(rule.corrected, final))
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
            if row % PROGRESS_INTERVAL == 0:
                output.on_progress(source.progress)


def like(given: Any, text: str) -> Any:
    """The text as a value of the type that the given label has, or text if it has none."""
    if isinstance(given, bool):
        return text == "true"
    if isinstance(given, int | float):
        try:
            return type(given)(text)
        except ValueError:
            return text
    return text


def _rewrite_parquet(path: Path, origin: Origin, edits: RowEdits, output: Output) -> None:
    source = ParquetSource(path, PASSED)
    label = str(origin.label_column)
    rule = LabelColumns.of(list(source.columns), label)
    schema = _extend_schema(source.schema, rule)
    with pq.ParquetWriter(output.target, schema, compression="zstd") as writer:
        first = 0
        for batch in source.whole_batches():
            changes = edits.between(first, first + batch.num_rows)
            columns = dict(zip(source.columns, batch.columns, strict=True))
            given = columns[label]
            final = _correct(given, changes, first, edits)
            if GIVEN in rule.added:
                columns[GIVEN] = given
            columns.update(dict.fromkeys(rule.corrected, final))
            keep = [row not in changes or not changes[row].excluded for row in _rows(first, batch)]
            rewritten = pa.RecordBatch.from_arrays(
                [columns[name] for name in schema.names], schema=schema
            )
            writer.write_batch(rewritten if all(keep) else rewritten.filter(pa.array(keep)))
            first += batch.num_rows
            output.on_progress(source.progress)


def _rows(first: int, batch: Any) -> range:
    return range(first, first + batch.num_rows)


def _correct(given: Any, changes: dict[int, Correction], first: int, edits: RowEdits) -> Any:
    """The label column with its changes, of the same type."""
    if not any(change.corrected_label is not None for change in changes.values()):
        return given
    coded = pa.types.is_dictionary(given.type)
    plain = given.type.value_type if coded else given.type
    values = given.to_pylist()
    for row, change in changes.items():
        if change.corrected_label is not None:
            values[row - first] = _typed(edits.written(change.corrected_label), plain)
    column = pa.array(values, plain)
    return column.dictionary_encode().cast(given.type) if coded else column


def _typed(text: str, type: Any) -> Any:
    if pa.types.is_integer(type):
        return int(text)
    if pa.types.is_floating(type):
        return float(text)
    if pa.types.is_boolean(type):
        return text == "true"
    return Decimal(text) if pa.types.is_decimal(type) else text


def _extend_schema(schema: Any, rule: LabelColumns) -> Any:
    """The columns added, also in what the `datasets` library keeps of them."""
    label = schema.field(rule.label)
    for name in rule.added:
        schema = schema.append(pa.field(name, label.type))
    metadata = dict(schema.metadata or {})
    try:
        described = json.loads(metadata[b"huggingface"])
        features = described["info"]["features"]
        features.update(dict.fromkeys(rule.added, features[rule.label]))
        metadata[b"huggingface"] = json.dumps(described).encode()
    except (KeyError, ValueError, TypeError, AttributeError):
        return schema
    return schema.with_metadata(metadata)
