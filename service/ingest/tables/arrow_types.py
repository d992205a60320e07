"""Which Arrow types can take a role, and how each becomes one of the few that readers know."""

from collections.abc import Collection, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from service.ingest.columns.column_names import CORRECTED, LABELS, SAMPLE_IDS, TEXTS
from service.ingest.faults import refuse
from service.pictures.pixels import starts_like_picture

TEXT_NAMES = {CORRECTED, *LABELS, *SAMPLE_IDS, *TEXTS}
IMAGE_FIELDS = {"bytes", "path"}  # how the `datasets` library keeps an image


def is_text(type: Any) -> bool:
    """True for strings of any layout."""
    types = pa.types
    view = types.is_string_view(type)
    return bool(types.is_string(type) or types.is_large_string(type) or view)


def is_bytes(type: Any) -> bool:
    """True for byte strings of any layout and any length."""
    types = pa.types
    return bool(types.is_binary(type) or types.is_large_binary(type) or types.is_binary_view(type))


def is_image_struct(type: Any) -> bool:
    """True for the structs in which the `datasets` library keeps images."""
    if not pa.types.is_struct(type) or {field.name for field in type} != IMAGE_FIELDS:
        return False
    return is_bytes(type.field("bytes").type)


def is_vector(type: Any) -> bool:
    """True for lists of numbers."""
    types = pa.types
    if not is_list(type):
        return False
    return bool(types.is_floating(type.value_type) or types.is_integer(type.value_type))


def is_list(type: Any) -> bool:
    """True for lists of any layout."""
    types = pa.types
    plain = types.is_list(type) or types.is_large_list(type) or types.is_fixed_size_list(type)
    return bool(plain or types.is_list_view(type) or types.is_large_list_view(type))


def plain(type: Any) -> Any:
    """The type of the values themselves, out of a dictionary or an extension."""
    if isinstance(type, pa.BaseExtensionType):
        return plain(type.storage_type)
    return plain(type.value_type) if pa.types.is_dictionary(type) else type


def is_supported(type: Any) -> bool:
    """True if some role can take the type."""
    types = pa.types
    found = plain(type)
    if types.is_dictionary(type) and types.is_nested(found):
        return False
    if is_text(found) or is_bytes(found) or is_image_struct(found) or is_vector(found):
        return True
    scalar = (
        *(types.is_integer, types.is_floating, types.is_boolean, types.is_decimal, types.is_null),
        *(types.is_date, types.is_timestamp, types.is_time, types.is_duration),
    )
    return any(check(found) for check in scalar)


def find_unsupported(schema: Any, pictures: Collection[str]) -> dict[str, str]:
    """Columns that no role can take, with their types. Bytes may be pictures, or the text of a
    label, an id or a text; in other columns they mean nothing here."""
    found = {f.name: str(f.type) for f in schema if not is_supported(f.type)}
    for field in schema:
        text = field.name in pictures or field.name.lower() in TEXT_NAMES
        if is_bytes(plain(field.type)) and not text:
            found[field.name] = str(field.type)
    return found


def read_columns(batch: Any, names: Sequence[str], pictures: Collection[str]) -> Any:
    """Some columns of a batch in simple types. Raises BadDataset (`invalid-encoding`)."""
    arrays = []
    for name in names:
        try:
            arrays.append(simplify(batch[name], picture=name in pictures))
        except pa.ArrowInvalid as error:
            detail = f"Column {name} has bytes that are not UTF-8. Save it as text."
            raise refuse("invalid-encoding", detail, column=name) from error
    return pa.RecordBatch.from_arrays(arrays, names=list(names))


def simplify(column: Any, *, picture: bool = False) -> Any:
    """The column in a type that readers know: string, number, boolean, date, list, or bytes."""
    types = pa.types
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    if types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    type = column.type
    if is_image_struct(type):
        return pc.cast(pc.struct_field(column, "bytes"), pa.binary())
    if is_bytes(type):
        return pc.cast(column, pa.binary() if picture else pa.string())
    if types.is_string_view(type) or types.is_large_string(type) or types.is_time(type):
        return pc.cast(column, pa.string())
    if types.is_duration(type):
        return pc.cast(column, pa.int64())
    if types.is_list_view(type) or types.is_large_list_view(type):
        return pc.cast(column, pa.list_(type.value_type))
    return column


def holds_pictures(column: Any) -> bool:
    """True if the first value of a column of bytes begins as pictures do."""
    first = next((value for value in column.slice(0, 20).to_pylist() if value), b"")
    return starts_like_picture(first)


def find_pictures(schema: Any, first: Any) -> frozenset[str]:
    """Columns of encoded images, by their types and the first batch, which may be None."""
    named = [f.name for f in schema if is_image_struct(plain(f.type))]
    if first is not None:
        named += [
            f.name
            for f in schema
            if is_bytes(f.type) and f.name in first.schema.names and holds_pictures(first[f.name])
        ]
    return frozenset(named)
