"""Arrow columns of any type to the few the canonical samples have."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# What a file means by "no label". A class may well be called "None" or "NA", so those are kept.
NO_LABEL = pa.array(["", "nan", "NaN"], pa.string())
NO_NUMBER = pa.array(["", "nan", "na", "n/a", "null", "none", "?"], pa.string())
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
    known = pc.if_else(pc.is_finite(column), column, None)
    whole = pc.and_(pc.equal(pc.floor(known), known), pc.less(pc.abs(known), EXACT_FLOAT))
    if pc.all(whole).as_py() is not False:
        return pc.cast(pc.cast(known, pa.int64()), pa.string())
    return pc.cast(known, pa.string())


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


def to_numbers(column: Any) -> Any:
    """float64, null where missing (null, NaN, or a word for it). Raises pa.ArrowInvalid."""
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), pa.float64())
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        texts = pc.utf8_trim_whitespace(column)
        missing = pc.is_in(pc.utf8_lower(texts), value_set=NO_NUMBER.cast(texts.type))
        column = pc.if_else(missing, None, texts)
    if pa.types.is_boolean(column.type):
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
