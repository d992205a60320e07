"""Tables with a column of probabilities for each class: prob_cat, prob_dog."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from service.ingest.columns.convert import from_vectors, to_numbers
from service.ingest.columns.profile import ColumnProfile
from service.ingest.source import RowSource

COLUMN = "pred_probs"
PREFIX = re.compile(
    r"(pred[_ ]?)?(p|prob|probs|proba|probability|score|conf|confidence|pred|softmax)[_ .:\-]+(.+)",
    re.IGNORECASE,
)
CALL = re.compile(r"(?:p|pr|prob|proba)\((.+)\)", re.IGNORECASE)
SUFFIX = re.compile(r"(.+?)[_ .:\-]+(prob|proba|probability|score|conf|confidence)", re.IGNORECASE)
TOLERANCE = 0.02
CHECKED = 1000  # rows


def find_wide(
    source: RowSource, profiles: Mapping[str, ColumnProfile], label: str
) -> dict[str, str] | None:
    """The columns of probabilities by class, if there is one for each class of the label.

    Their names hold the class, their numbers are from 0 to 1, and every row adds up to 1.
    """
    classes = profiles[label].distinct
    named: dict[str, str] = {}
    for name, profile in profiles.items():
        inside = profile.style in ("plain", "decimal-comma") and profile.smallest >= 0
        if name != label and profile.present and inside and profile.largest <= 1 + TOLERANCE:
            named[name] = _class_of(name)
    by_class = {klass: name for name, klass in named.items() if _is_class(klass, classes)}
    if len(by_class) < 2 or len(by_class) != len(classes):
        return None
    # Classes without a sample may have columns too: all of the same pattern.
    patterns = {_pattern(name) for name in by_class.values()}
    if len(patterns) == 1 and None not in patterns:
        by_class |= {
            klass: name
            for name, klass in named.items()
            if _pattern(name) in patterns and klass not in by_class
        }
    ordered = {named[name]: name for name in source.columns if name in by_class.values()}
    return ordered if _add_up(source, list(ordered.values())) else None


def _class_of(column: str) -> str:
    match = PREFIX.fullmatch(column)
    if match:
        return match[3]
    match = CALL.fullmatch(column)
    if match:
        return match[1]
    match = SUFFIX.fullmatch(column)
    return match[1] if match else column


def _pattern(column: str) -> str | None:
    """What stands beside the class in a column's name."""
    klass = _class_of(column)
    return None if klass == column else column.replace(klass, "*", 1)


def _is_class(name: str, distinct: set[int]) -> bool:
    """Whether a label has this name; integers are known by their values."""
    if hash(name) in distinct:
        return True
    return name.lstrip("-").isdigit() and hash(int(name)) in distinct


def _add_up(source: RowSource, columns: list[str]) -> bool:
    batch = next(iter(source.batches(columns)), None)
    if batch is None:
        return False
    rows = _rows(batch.slice(0, CHECKED), columns)
    return bool((np.abs(rows.sum(axis=1) - 1) <= TOLERANCE).mean() > 0.9)


def _rows(batch: Any, columns: Sequence[str]) -> Any:
    """(rows, classes) float32, NaN where a cell is empty."""
    arrays = [to_numbers(batch[name]).to_numpy(zero_copy_only=False) for name in columns]
    return np.stack(arrays, axis=1).astype(np.float32)


class WideSource:
    """A table whose columns of probabilities are read as one list column."""

    def __init__(self, source: RowSource, label: str, by_class: dict[str, str]) -> None:
        self.source = source
        self.by_class = by_class
        self.format = source.format
        self.columns = (*source.columns, COLUMN)
        self.unsupported = source.unsupported
        self.class_names = {**source.class_names, label: list(by_class)}
        self.notes = [
            *source.notes,
            f"Read the columns {', '.join(list(by_class.values())[:5])}"
            f"{' …' if len(by_class) > 5 else ''} as your model's probabilities.",
        ]

    @property
    def progress(self) -> float:
        """Share read."""
        return self.source.progress

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Batches of the table, with the list column where it is asked for."""
        wanted = list(self.columns if columns is None else columns)
        parts = list(self.by_class.values()) if COLUMN in wanted else []
        inner = list(dict.fromkeys([*(n for n in wanted if n != COLUMN), *parts]))
        for batch in self.source.batches(inner):
            made = dict(zip(batch.schema.names, batch.columns, strict=True))
            if parts:
                made[COLUMN] = from_vectors(_rows(batch, parts))
            yield pa.RecordBatch.from_pydict({n: made[n] for n in wanted if n in made})
