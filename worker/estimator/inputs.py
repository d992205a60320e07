"""What is fitted and predicted: its kind, and the files that carry it to the service."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

LABEL, SAMPLE_ID, TEXT = "given_label", "sample_id", "text"

Kind = Literal["vectors", "texts", "table"]


def kind_of(X: Any) -> Kind:
    """`texts` for one string per sample, `table` for a data frame with categories or missing
    values, else `vectors`."""
    if isinstance(X, str | bytes):
        raise ValueError("X must hold one text per sample, not a single text.")
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        values = np.asarray(X)
        numbers = values.dtype.kind in "biuf" and not np.isnan(values).any()
        return "vectors" if numbers else "table"
    if isinstance(X, Sequence):
        return "texts" if len(X) > 0 and all(isinstance(one, str) for one in X) else "vectors"
    if getattr(X, "ndim", 0) == 1 and np.asarray(X).dtype.kind not in "biuf":
        return "texts" if all(isinstance(one, str) for one in X) else "vectors"
    return "vectors"


def index_of(X: Any) -> Any:
    """The row labels of a data frame or series; None for anything else."""
    index = getattr(X, "index", None)
    return None if callable(index) else index


@dataclass(frozen=True)
class Upload:
    """A file to audit, and the roles of its columns as `Client.upload` takes them."""

    path: Path
    roles: dict[str, Any]


def write_arrays(
    folder: Path, codes: NDArray[np.int64], names: list[str], **arrays: NDArray[np.float32]
) -> Upload:
    """Vectors as `embeddings`, or probabilities as `pred_probs`; row i belongs to sample i."""
    path = folder / "samples.npz"
    np.savez(path, labels=codes, class_names=np.array(names), **arrays)  # type: ignore[arg-type]
    return Upload(path, {})


def write_texts(
    folder: Path, codes: NDArray[np.int64], names: list[str], texts: Sequence[str]
) -> Upload:
    columns = {TEXT: pa.array([str(text) for text in texts], pa.string())}
    path = _write_table(folder, codes, names, columns, LABEL, SAMPLE_ID)
    roles = {"label_column": LABEL, "sample_id_column": SAMPLE_ID, "text_column": TEXT}
    return Upload(path, roles)


def write_frame(folder: Path, codes: NDArray[np.int64], names: list[str], frame: Any) -> Upload:
    columns = {str(name): pa.Array.from_pandas(column) for name, column in frame.items()}
    label, sample_id = (_unused(name, columns) for name in (LABEL, SAMPLE_ID))
    path = _write_table(folder, codes, names, columns, label, sample_id)
    roles = {
        "label_column": label,
        "sample_id_column": sample_id,
        "feature_columns": list(columns),
    }
    return Upload(path, roles)


def rows_of(frame: Any) -> list[dict[str, Any]]:
    """The rows of a data frame as the table transform reads them."""
    columns = {str(name): pa.Array.from_pandas(column) for name, column in frame.items()}
    rows: list[dict[str, Any]] = pa.table(columns).to_pylist()
    return rows


def _unused(name: str, taken: dict[str, Any]) -> str:
    while name in taken:
        name = f"_{name}"
    return name


def _write_table(
    folder: Path,
    codes: NDArray[np.int64],
    names: list[str],
    columns: dict[str, Any],
    label: str,
    sample_id: str,
) -> Path:
    """A Parquet file whose labels are codes with class names, as the library `datasets` writes."""
    described = {"info": {"features": {label: {"names": names, "_type": "ClassLabel"}}}}
    ids = pa.array([str(row) for row in range(len(codes))])
    table = pa.table({**columns, label: codes, sample_id: ids})
    path = folder / "samples.parquet"
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(described)}), path)
    return path
