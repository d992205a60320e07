"""Rewrites Parquet and Arrow: labels are corrected in their own type, other columns are copied."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from service.exports.formats.corrections import GIVEN, Correction, LabelColumns, RowEdits
from service.exports.formats.limits import PASSED
from service.exports.formats.output import Output
from service.ingest.origin import Origin
from service.ingest.tables.arrow_file import ArrowSource
from service.ingest.tables.arrow_types import plain
from service.ingest.tables.parquet import ParquetSource

INDEX = "__index_level_0__"


def rewrite_parquet(path: Path, origin: Origin, edits: RowEdits, output: Output) -> None:
    """Write the file with its codec and its metadata."""
    source = ParquetSource(path, PASSED)
    editor = _Editor(source.schema, str(origin.label_column), edits)
    metadata = pq.ParquetFile(path).metadata
    groups = metadata.num_row_groups and metadata.num_columns
    codec = metadata.row_group(0).column(0).compression if groups else "ZSTD"
    with pq.ParquetWriter(
        output.target, editor.schema, compression="none" if codec == "UNCOMPRESSED" else codec
    ) as writer:
        for batch in source.whole_batches():
            writer.write_batch(editor.edit(batch))
            output.on_progress(source.progress)
        for batch in editor.unlisted(output, origin.file_column):
            writer.write_batch(batch)


def rewrite_arrow(path: Path, origin: Origin, edits: RowEdits, output: Output) -> None:
    """Write the file or the stream without added columns: whoever loads it knows its columns."""
    source = ArrowSource(path, PASSED)
    editor = _Editor(source.schema, str(origin.label_column), edits, add=False)
    opener = pa.ipc.new_file if source.is_file else pa.ipc.new_stream
    with pa.OSFile(str(output.target), "wb") as file, opener(file, editor.schema) as writer:
        for batch in source.whole_batches():
            writer.write_batch(editor.edit(batch))
            output.on_progress(source.progress)


class _Editor:
    """Changes batches, one after the other."""

    def __init__(self, schema: Any, label: str, edits: RowEdits, *, add: bool = True) -> None:
        self.label, self.edits = label, edits
        self.rule = LabelColumns.of(list(schema.names), label)
        self.first = 0
        self.added = self.rule.added if add else []
        self.corrected = [n for n in self.rule.corrected if add or n in schema.names]
        self.label_type = self._label_type(schema.field(label).type)
        self.index = _range_index(schema) if edits.excluded else None
        self.schema = self._extend(schema)

    def _label_type(self, type: Any) -> Any:
        """The label's type; a dictionary's codes are widened if the classes may not fit."""
        if not pa.types.is_dictionary(type) or 2 * self.edits.class_count < _largest(
            type.index_type
        ):
            return type
        return pa.dictionary(pa.int32(), type.value_type, type.ordered)

    def edit(self, batch: Any) -> Any:
        """The batch with corrected labels and without excluded rows."""
        changes = self.edits.between(self.first, self.first + batch.num_rows)
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        given = columns[self.label]
        final = _correct(given, changes, self.first, self.edits)
        if GIVEN in self.added:
            columns[GIVEN] = given
        columns.update(dict.fromkeys(self.corrected, final))
        rows = range(self.first, self.first + batch.num_rows)
        if self.index is not None:
            start, step = self.index
            columns[INDEX] = pa.array([start + step * row for row in rows], pa.int64())
        arrays = [_fit(columns[field.name], field.type) for field in self.schema]
        rewritten = pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        keep = [row not in changes or not changes[row].excluded for row in rows]
        self.first += batch.num_rows
        return rewritten if all(keep) else rewritten.filter(pa.array(keep))

    def unlisted(self, output: Output, file: str | None) -> Any:
        """A row for each corrected picture that the table did not list."""
        if not output.unlisted:
            return
        labels = [self.edits.written(str(c.corrected_label)) for c in output.unlisted.values()]
        values: dict[str, list[Any]] = {str(file): list(output.unlisted)}
        typed = [_typed(label, plain(self.schema.field(self.label).type)) for label in labels]
        values |= dict.fromkeys((self.label, *self.corrected), typed)
        arrays = []
        for field in self.schema:
            column = pa.array(values.get(field.name, [None] * len(labels)), plain(field.type))
            arrays.append(_fit(column, field.type))
        yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _extend(self, schema: Any) -> Any:
        """The columns added, also in what pandas and `datasets` keep of them."""
        label = schema.field(self.label)
        place = schema.get_field_index(self.label)
        if self.label in self.corrected:
            schema = schema.set(place, label.with_type(self.label_type))
        for name in self.added:
            schema = schema.append(pa.field(name, self.label_type))
        metadata = dict(schema.metadata or {})
        if self.index is not None:
            schema = schema.append(pa.field(INDEX, pa.int64()))
            metadata[b"pandas"] = _index_written(metadata[b"pandas"])
        if b"huggingface" in metadata:
            metadata[b"huggingface"] = _described(metadata, self.label, self.added)
        return schema.with_metadata(metadata or None)


def _fit(column: Any, type: Any) -> Any:
    if column.type.equals(type):
        return column
    if pa.types.is_dictionary(type):
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        indices = pc.cast(column.indices, type.index_type)
        return pa.DictionaryArray.from_arrays(indices, column.dictionary, ordered=type.ordered)
    return pc.cast(column, type)


def _correct(given: Any, changes: dict[int, Correction], first: int, edits: RowEdits) -> Any:
    """The label column with its changes: of the same type, categories in the same order."""
    corrected = {
        row - first: edits.written(change.corrected_label)
        for row, change in changes.items()
        if change.corrected_label is not None
    }
    if not corrected:
        return given
    if pa.types.is_dictionary(given.type):
        return _correct_dictionary(given, corrected)
    type = plain(given.type)
    mask = [place in corrected for place in range(len(given))]
    values = pa.array([_typed(corrected[place], type) for place in sorted(corrected)], type)
    storage = given.storage if isinstance(given.type, pa.BaseExtensionType) else given
    if _can_replace(type):
        replaced = pc.replace_with_mask(storage, pa.array(mask), values)
    else:
        items = storage.to_pylist()
        for place, text in corrected.items():
            items[place] = _typed(text, type)
        replaced = pa.array(items, type)
    if isinstance(given.type, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(given.type, replaced)
    return replaced


def _can_replace(type: Any) -> bool:
    views = pa.types.is_string_view(type) or pa.types.is_binary_view(type)
    return not (views or pa.types.is_nested(type))


def _correct_dictionary(given: Any, corrected: dict[int, str]) -> Any:
    categories = given.dictionary
    type = categories.type
    wanted = [_typed(text, type) for _, text in sorted(corrected.items())]
    known = categories.to_pylist()
    new = list(dict.fromkeys(value for value in wanted if value not in known))
    if new:
        categories = pa.concat_arrays([categories, pa.array(new, type)])
    codes = {value: code for code, value in enumerate([*known, *new])}
    mask = pa.array([place in corrected for place in range(len(given))])
    indices = pc.cast(given.indices, pa.int32())
    values = pa.array([codes[value] for value in wanted], pa.int32())
    changed = pc.replace_with_mask(indices, mask, values)
    index_type = given.type.index_type
    if len(categories) - 1 > _largest(index_type):
        index_type = pa.int32()
    return pa.DictionaryArray.from_arrays(
        pc.cast(changed, index_type), categories, ordered=given.type.ordered
    )


def _largest(type: Any) -> int:
    return int(2 ** (type.bit_width - pa.types.is_signed_integer(type)) - 1)


def _typed(text: str, type: Any) -> Any:
    """The label as a value of the column's type."""
    types = pa.types
    if types.is_integer(type):
        return int(text)
    if types.is_floating(type):
        return float(text)
    if types.is_boolean(type):
        return text == "true"
    if types.is_decimal(type):
        return Decimal(text)
    if types.is_date(type) or types.is_timestamp(type) or types.is_time(type):
        return pc.cast(pa.scalar(text), type).as_py()
    if types.is_binary(type) or types.is_large_binary(type) or types.is_binary_view(type):
        return text.encode()
    if types.is_list(type) or types.is_large_list(type):
        return [_typed(text, type.value_type)]
    return text


def _range_index(schema: Any) -> tuple[int, int] | None:
    """Start and step of an index that pandas keeps as a range; it breaks when rows are left out."""
    try:
        [described] = json.loads((schema.metadata or {})[b"pandas"])["index_columns"]
        return int(described["start"]), int(described["step"])
    except (KeyError, ValueError, TypeError, AttributeError):
        return None


def _index_written(pandas: bytes) -> bytes:
    """pandas' metadata for an index that is a column."""
    described = json.loads(pandas)
    described["index_columns"] = [INDEX]
    column = {
        "name": None,
        "field_name": INDEX,
        "pandas_type": "int64",
        "numpy_type": "int64",
        "metadata": None,
    }
    described.setdefault("columns", []).append(column)
    return json.dumps(described).encode()


def _described(metadata: dict[bytes, bytes], label: str, added: list[str]) -> bytes:
    """The features that the `datasets` library keeps, with the added columns."""
    try:
        described = json.loads(metadata[b"huggingface"])
        features = described["info"]["features"]
        features.update(dict.fromkeys(added, features[label]))
        return json.dumps(described).encode()
    except (KeyError, ValueError, TypeError, AttributeError):
        return metadata[b"huggingface"]
