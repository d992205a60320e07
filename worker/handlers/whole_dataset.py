"""The checks of a dataset as a whole, as a ranking's summary keeps them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from service.ingest.images.measured import PREFIX as MEASURED
from service.ingest.writer import PRIOR_SPLIT
from service.issues import Issues
from service.issues.dataset_checks import (
    Check,
    class_imbalance,
    missing_values,
    split_leakage,
)
from service.issues.groups import (
    SHOWN,
    Group,
    Grouping,
    clusters,
    groups_check,
    only_first,
    underperforming_groups,
)
from service.issues.image_quality import Quality, image_quality, quality_check
from service.issues.sample_order import sample_order
from service.pictures.measures import NAMES

FEATURE = "feature."
BLOCK = 4096  # rows
MOST_VALUES = 50  # of a column whose values are groups


@dataclass(frozen=True)
class Audited:
    """N samples of an audit.

    Attributes
    ----------
    samples : the dataset's `samples.parquet`
    positions : (N,) rows of that file
    labels : (N,) given classes
    families : (N, C) out-of-sample probabilities by model family; rows may be NaN
    vectors, graph : (N, ...) and (N, k), None without encodings
    """

    samples: Path
    positions: NDArray[np.int64]
    labels: NDArray[np.integer[Any]]
    class_names: list[str]
    families: Mapping[str, NDArray[np.floating]]
    vectors: NDArray[Any] | None
    graph: NDArray[np.int32] | None


def check_dataset(audited: Audited, issues: Issues) -> list[dict[str, Any]]:
    """Every check that the dataset allows."""
    checks = [class_imbalance(audited.labels, audited.class_names)]
    if audited.graph is not None:
        checks.append(sample_order(audited.labels, audited.graph))
    with pq.ParquetFile(audited.samples, pre_buffer=False) as file:
        columns = file.schema_arrow.names
        if PRIOR_SPLIT in columns and issues.duplicate_set is not None:
            splits, _ = _coded(file, PRIOR_SPLIT)
            checks.append(split_leakage(issues.duplicate_set, splits[audited.positions]))
        if features := [name for name in columns if name.startswith(FEATURE)]:
            missing = _missing(file, features)
            checks.append(missing_values(missing, file.metadata.num_rows))
        checks.append(_groups(file, audited, issues))
    if issues.quality is not None:
        checks.append(quality_check(issues.quality))
    return [check.to_dict() for check in checks]


def measured_quality(samples: Path, positions: NDArray[np.int64]) -> Quality | None:
    """Of the pictures at these positions; None where their upload was read without measuring."""
    with pq.ParquetFile(samples, pre_buffer=False) as file:
        names = [MEASURED + name for name in NAMES]
        if not set(names) <= set(file.schema_arrow.names):
            return None
        table = file.read(names)
    return image_quality({name: table[MEASURED + name].to_numpy()[positions] for name in NAMES})


def _groups(file: pq.ParquetFile, audited: Audited, issues: Issues) -> Check:
    predicted = _predicted(audited.families)
    counts = predicted >= 0
    if issues.duplicate_set is not None:
        counts &= only_first(issues.duplicate_set)
    found = underperforming_groups(predicted == audited.labels, counts, _groupings(file, audited))
    return groups_check(found, _sample_ids(file, audited.positions, found[:SHOWN]))


def _predicted(families: Mapping[str, NDArray[np.floating]]) -> NDArray[np.intp]:
    """(N,) the class that all families together find most likely out of sample, -1 = unknown."""
    every = list(families.values())
    result = np.full(len(every[0]), -1, np.intp)
    for start in range(0, len(result), BLOCK):
        rows = slice(start, start + BLOCK)
        total = np.nansum([family[rows] for family in every], axis=0)
        known = np.logical_or.reduce([np.isfinite(family[rows]).all(axis=1) for family in every])
        result[rows] = np.where(known, total.argmax(axis=1), -1)
    return result


def _groupings(file: pq.ParquetFile, audited: Audited) -> Iterator[Grouping]:
    for column in file.schema_arrow:
        is_word = pa.types.is_string(column.type) and column.name.startswith(FEATURE)
        if column.name == PRIOR_SPLIT or is_word:
            codes, values = _coded(file, column.name)
            if 2 <= len(values) <= MOST_VALUES:
                kind = "split" if column.name == PRIOR_SPLIT else "column"
                title = "split" if kind == "split" else column.name.removeprefix(FEATURE)
                names = [f"{title} = {value}" for value in values]
                yield Grouping(kind, codes[audited.positions], names)
    if audited.vectors is not None:
        found = clusters(audited.vectors, audited.labels, audited.class_names)
        if found is not None:
            yield found


def _sample_ids(
    file: pq.ParquetFile, positions: NDArray[np.int64], groups: list[Group]
) -> list[list[str]]:
    if not groups:
        return []
    ids = file.read(["sample_id"])["sample_id"]
    return [[ids[int(positions[row])].as_py() for row in group.rows] for group in groups]


def _coded(file: pq.ParquetFile, name: str) -> tuple[NDArray[np.int32], list[str]]:
    """(samples,) number of each sample's value, -1 where it has none; and the values."""
    numbers: dict[str, int] = {}
    parts = []
    for batch in file.iter_batches(columns=[name]):
        coded = batch.column(0).dictionary_encode()
        known = [
            -1 if value is None else numbers.setdefault(value, len(numbers))
            for value in coded.dictionary.to_pylist()
        ]
        codes = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
        parts.append(np.array([*known, -1], np.int32)[codes])
    return np.concatenate(parts), list(numbers)


def _missing(file: pq.ParquetFile, features: list[str]) -> dict[str, int]:
    """Empty cells of each column, NaN included."""
    found = dict.fromkeys(features, 0)
    for batch in file.iter_batches(columns=features):
        for name in features:
            found[name] += pc.sum(pc.is_null(batch[name], nan_is_null=True)).as_py() or 0
    return {name.removeprefix(FEATURE): count for name, count in found.items()}
