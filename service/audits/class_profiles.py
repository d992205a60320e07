"""The profile of each class in each column of a table: its mean and deviation, or usual value.

`audits/{id}/typical.parquet` has one row group a class and in it one row a column, so that
comparing two classes reads two small groups however many there are.
"""

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from service.audits import records as audits
from service.storage.local import Storage

PREFIX = "feature."
MOST_VALUES = 1000  # distinct words of a column; with more, none is usual
SCHEMA = pa.schema(
    [
        ("column", pa.string()),
        ("mean", pa.float64()),
        ("spread", pa.float64()),
        ("value", pa.string()),
        ("share", pa.float64()),
    ]
)


def profiles_key(audit_id: str) -> str:
    return f"{audits.folder(audit_id)}/typical.parquet"


class NumberProfile:
    """Count, sum and sum of squares of a column, class by class."""

    def __init__(self, classes: int) -> None:
        self.sums = np.zeros((3, classes))

    def add(self, values: pa.Array, labels: np.ndarray[Any, Any]) -> None:
        numbers = values.to_numpy(zero_copy_only=False).astype(np.float64)
        known = np.isfinite(numbers)
        for power, row in enumerate(self.sums):
            np.add.at(row, labels[known], numbers[known] ** power)

    def of(self, label: int) -> dict[str, Any]:
        count, total, squares = self.sums[:, label]
        if not count:
            return {}
        mean = total / count
        return {"mean": mean, "spread": math.sqrt(max(0.0, squares / count - mean**2))}


class WordProfile:
    """How often each class has each word of a column."""

    def __init__(self, classes: int) -> None:
        self.counts: list[Counter[str]] = [Counter() for _ in range(classes)]
        self.distinct: set[str] = set()

    def add(self, values: pa.Array, labels: np.ndarray[Any, Any]) -> None:
        if len(self.distinct) > MOST_VALUES:
            return
        for value, label in zip(values.to_pylist(), labels.tolist(), strict=True):
            if value is not None:
                self.distinct.add(value)
                self.counts[label][value] += 1

    def of(self, label: int) -> dict[str, Any]:
        counts = self.counts[label]
        if not counts or len(self.distinct) > MOST_VALUES:
            return {}
        [(value, count)] = counts.most_common(1)
        return {"value": value, "share": count / counts.total()}


def write_class_profiles(samples: Path, class_names: list[str], path: Path) -> None:
    """Read a table's `samples.parquet` once, batch by batch, and write each class's profile."""
    index = {name: number for number, name in enumerate(class_names)}
    with pq.ParquetFile(samples, pre_buffer=False) as file:
        columns: dict[str, NumberProfile | WordProfile] = {
            field.name: NumberProfile(len(index))
            if pa.types.is_floating(field.type)
            else WordProfile(len(index))
            for field in file.schema_arrow
            if field.name.startswith(PREFIX)
        }
        for batch in file.iter_batches(columns=["given_label", *columns]):
            names = batch.column("given_label").to_pylist()
            labeled = np.array([name is not None for name in names])
            labels = np.array([index[name] for name in names if name is not None], dtype=np.int64)
            kept = batch.filter(pa.array(labeled))
            for name, column in columns.items():
                column.add(kept.column(name), labels)
    with pq.ParquetWriter(path, SCHEMA) as writer:
        for label in range(len(index)):
            rows = [
                {"column": name.removeprefix(PREFIX), **column.of(label)}
                for name, column in columns.items()
            ]
            writer.write_table(pa.Table.from_pylist(rows, schema=SCHEMA))


def compare(
    storage: Storage, audit_id: str, row: dict[str, Any], *, given: int, suggested: int
) -> list[dict[str, Any]]:
    """Every column with both classes' profiles, the value that is most unusual for the given label
    first. `against` is how many standard deviations nearer a number is to the suggested
    class; a word counts 1 where it is the suggested class's usual one and not the given's. Empty
    where the audit has no profiles."""
    path = storage.path(profiles_key(audit_id))
    if not path.exists():
        return []
    with pq.ParquetFile(path) as file:
        of_given, of_suggested = (file.read_row_group(c).to_pylist() for c in (given, suggested))
    compared = [
        {
            "column": one["column"],
            "given": _as_text(one),
            "suggested": _as_text(other),
            "against": _distance(row.get(one["column"]), one)
            - _distance(row.get(one["column"]), other),
        }
        for one, other in zip(of_given, of_suggested, strict=True)
    ]
    return sorted(compared, key=lambda column: -column["against"])


def _distance(value: Any, profile: dict[str, Any]) -> float:
    """How far a value is from the profile: deviations, 0 or 1 for words, 0 where unknown."""
    if value is None:
        return 0.0
    if profile["mean"] is not None:
        spread = max(profile["spread"], 1e-9 * max(1.0, abs(profile["mean"])))
        return float(min(abs(value - profile["mean"]) / spread, 1e3))
    return float(profile["value"] is not None and value != profile["value"])


def _as_text(profile: dict[str, Any]) -> str | None:
    if profile["mean"] is not None:
        return f"{profile['mean']:.4g} ± {profile['spread']:.2g}"
    if profile["value"] is not None:
        return f"{profile['value']} ({profile['share']:.0%})"
    return None
