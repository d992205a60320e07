"""The checks of a dataset as a whole, as a ranking's summary keeps them."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from service.ingest.writer import PRIOR_SPLIT
from service.issues import Issues
from service.issues.dataset_checks import class_imbalance, missing_values, split_leakage
from service.issues.sample_order import sample_order

FEATURE = "feature."


def check_dataset(
    samples: Path,
    labels: NDArray[np.integer[Any]],
    class_names: list[str],
    positions: NDArray[np.int64],
    issues: Issues,
    graph: NDArray[np.int32] | None,
) -> list[dict[str, Any]]:
    """Every check that the dataset allows. `labels` are those of the samples at `positions`,
    `graph` (samples, k) their neighbours."""
    checks = [class_imbalance(labels, class_names)]
    if graph is not None:
        checks.append(sample_order(labels, graph))
    with pq.ParquetFile(samples, pre_buffer=False) as file:
        columns = file.schema_arrow.names
        if PRIOR_SPLIT in columns and issues.duplicate_set is not None:
            splits = _splits(file)[positions]
            checks.append(split_leakage(issues.duplicate_set, splits))
        if features := [name for name in columns if name.startswith(FEATURE)]:
            missing = _missing(file, features)
            checks.append(missing_values(missing, file.metadata.num_rows))
    return [check.to_dict() for check in checks]


def _splits(file: pq.ParquetFile) -> NDArray[np.int16]:
    """(samples,) number of each sample's split, -1 where it has none."""
    numbers: dict[str, int] = {}
    parts = []
    for batch in file.iter_batches(columns=[PRIOR_SPLIT]):
        coded = batch.column(0).dictionary_encode()
        known = [
            -1 if name is None else numbers.setdefault(name, len(numbers))
            for name in coded.dictionary.to_pylist()
        ]
        codes = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
        parts.append(np.array([*known, -1], np.int16)[codes])
    return np.concatenate(parts)


def _missing(file: pq.ParquetFile, features: list[str]) -> dict[str, int]:
    """Empty cells of each column, NaN included."""
    found = dict.fromkeys(features, 0)
    for batch in file.iter_batches(columns=features):
        for name in features:
            found[name] += pc.sum(pc.is_null(batch[name], nan_is_null=True)).as_py() or 0
    return {name.removeprefix(FEATURE): count for name, count in found.items()}
