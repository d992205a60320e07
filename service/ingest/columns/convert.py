"""Arrow columns of any type to the few the canonical samples have."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from service.ingest.columns.numbers import Style, parse

# What a file means by "no label". A class may well be called "None" or "NA", so those are kept.
NO_LABEL = pa.array(["", "nan", "NaN"], pa.string())
EXACT_FLOAT = 2.0**53


def to_strings(column: Any) -> Any:
    """Strings; whole floats as integers (an integer column with gaps is read as float)."""
    if pa.types.is_string(column.type):
        return column
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), pa.string())
    if pa.types.is_floating(column.type):
        return _float_strings(pc.cast(column, pa.float64()))
    return pc.cast(column, pa.string())


def _float_strings(column: Any) -> Any:
    """Each number by itself, so that its spelling does not depend on what stands beside it."""
    known = pc.if_else(pc.is_finite(column), column, None)
    whole = pc.and_(pc.equal(pc.floor(known), known), pc.less(pc.abs(known), EXACT_FLOAT))
    integers = pc.cast(pc.if_else(whole, known, None), pa.int64())
    return pc.coalesce(pc.cast(integers, pa.string()), pc.cast(known, pa.string()))


def to_labels(column: Any) -> Any:
    """Label strings, null where the file gives none (null, NaN, empty, or blank)."""
    texts = to_strings(column)
    missing = pc.is_in(pc.utf8_trim_whitespace(texts), value_set=NO_LABEL)
    return pc.if_else(missing, None, texts)


def to_codes(column: Any) -> Any:
    """Integer codes of labels, null where missing (null, NaN or negative).

    Raises pa.ArrowInvalid for fractions.
    """
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_finite(column), column, None)
    codes = pc.cast(column, pa.int64())
    return pc.if_else(pc.less(codes, 0), None, codes)


def to_numbers(column: Any, style: Style = "plain", words: Sequence[str] = ()) -> Any:
    """float64, null where missing (null, NaN, or a word for it). Raises pa.ArrowInvalid."""
    type = column.type
    if pa.types.is_null(type):
        return pa.nulls(len(column), pa.float64())
    if pa.types.is_string(type) or pa.types.is_large_string(type):
        column = parse(column, style, list(words) or None)
    elif pa.types.is_date(type) or pa.types.is_timestamp(type):
        micros = pc.cast(pc.cast(column, pa.timestamp("us"), safe=False), pa.int64())
        column = pc.divide(pc.cast(micros, pa.float64(), safe=False), 1e6)
    elif pa.types.is_boolean(type):
        column = pc.cast(column, pa.int8())
    numbers = pc.cast(column, pa.float64(), safe=False)
    return pc.if_else(pc.is_nan(numbers), None, numbers)


def to_categories(column: Any) -> Any:
    """Strings, null where empty."""
    texts = to_strings(column)
    return pc.if_else(pc.equal(texts, ""), None, texts)


def to_vectors(column: Any) -> Any:
    """(rows, D) float32 of a list column without nulls. Raises ValueError if D varies."""
    if pa.types.is_fixed_size_list(column.type):
        width = column.type.list_size
    else:
        widths = pc.unique(pc.list_value_length(column)).to_pylist()
        if len(widths) != 1:
            raise ValueError(f"lists of {len(widths)} lengths")
        width = widths[0]
    # flatten() honours slices, values would not
    flat = column.flatten().to_numpy(zero_copy_only=False)
    return np.ascontiguousarray(flat, np.float32).reshape(len(column), width)


def from_vectors(vectors: Any) -> Any:
    """A fixed-size list column of a (rows, D) float32 array."""
    flat = pa.array(np.ascontiguousarray(vectors, np.float32).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
