"""Joins a table and an NPZ with one vector per row into one Parquet file."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet


def find_vectors(arrays: Path, table: Path) -> str | None:
    """The name of the array that holds one vector per row of the table."""
    if table.suffix != ".parquet":
        return None
    rows = pyarrow.parquet.read_metadata(table).num_rows
    with np.load(arrays, allow_pickle=False) as file:
        fitting = [
            name
            for name in file.files
            if file[name].ndim == 2 and len(file[name]) == rows and file[name].dtype.kind == "f"
        ]
    return fitting[0] if len(fitting) == 1 else None


def join_vectors(arrays: Path, name: str, table: Path, scratch: Path) -> Path:
    target = scratch / "upload.parquet"
    with np.load(arrays, allow_pickle=False) as file:
        vectors = np.ascontiguousarray(file[name], np.float32)
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    samples = pyarrow.parquet.read_table(table)
    pyarrow.parquet.write_table(samples.append_column("embedding", column), target)
    return target
