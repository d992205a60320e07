"""The table of suspects as an attribute: a data frame, or a structured array without pandas."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

LABELS = ("given_label", "predicted_label", "suggested_label")


def as_table(suspects: pa.Table, classes: NDArray[Any], index: Any) -> Any:
    """The columns of a downloaded ranking, with the labels of y instead of class indices.

    `suggested_label` is None where there is no suggestion. `index` labels the rows of a frame.
    """
    columns = {
        name: _labels(suspects[name], classes) if name in LABELS else _values(suspects[name])
        for name in suspects.column_names
        if name != "sample_id"  # their row, which says nothing new
    }
    try:
        import pandas as pd
    except ImportError:
        kinds = [(name, column.dtype) for name, column in columns.items()]
        table = np.empty(len(suspects), dtype=kinds)
        for name, column in columns.items():
            table[name] = column
        return table
    return pd.DataFrame(columns, index=index)


def _labels(column: pa.ChunkedArray, classes: NDArray[Any]) -> NDArray[Any]:
    if column.null_count == 0:
        found: NDArray[Any] = classes[column.to_numpy()]
        return found
    values = [None if code is None else classes[code] for code in column.to_pylist()]
    return np.array(values, dtype=object)


def _values(column: pa.ChunkedArray) -> NDArray[Any]:
    if pa.types.is_string(column.type):
        return np.array(column.to_pylist(), dtype=object)
    values: NDArray[Any] = column.to_numpy()
    return values
