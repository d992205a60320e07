"""Vectors that were uploaded as vectors."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from service.core.errors import BadDataset
from worker.encoders.encoding import Batch, Encoding
from worker.encoders.samples import Rows, Samples

COLUMN = "embedding"


def encode_vectors(samples: Samples) -> Encoding:
    """The uploaded embedding, (N, D) float32. Raises BadDataset on NaN or infinity."""
    dimension: int = samples.columns[COLUMN].list_size
    return Encoding((dimension,), np.float32, _batches(samples, dimension))


def _batches(samples: Samples, dimension: int) -> Iterator[Batch]:
    for rows in samples.read([COLUMN, "sample_id"]):
        column: pa.FixedSizeListArray = rows.table.column(COLUMN).combine_chunks()
        refuse_first(rows, np.asarray(column.is_null()), "has no embedding")
        vectors = np.asarray(column.flatten(), dtype=np.float32).reshape(-1, dimension)
        refuse_first(
            rows,
            np.asarray(~np.isfinite(vectors).all(axis=1)),
            "holds NaN or infinity",
        )
        yield rows.rows, vectors


def refuse_first(rows: Rows, bad: NDArray[np.bool_], what: str) -> None:
    if bad.any():
        index = int(bad.argmax())
        sample_id = rows.texts("sample_id")[index]
        row = int(rows.positions[index]) + 1
        raise BadDataset(
            f"The embedding of sample {sample_id!r} {what}.",
            errors=[{"row": row, "column": COLUMN, "detail": f"the embedding {what}"}],
        )
