"""Pairs of a picture's name and its label, as rows."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from service.ingest.source import BATCH_ROWS

FILE, LABEL, SPLIT = "file", "label", "split"
LONGEST = 16 << 20  # bytes of a file of labels, which is held in memory


class Pair(NamedTuple):
    """A picture as the file names it, its label, and the split of its folder."""

    file: str
    label: str | None
    split: str | None = None


class NotRead(Exception):
    """Why a file gives no labels, as the end of a sentence."""


class LabelRows:
    """A row for each pair."""

    format = "listings"

    def __init__(self, pairs: list[Pair]) -> None:
        self.pairs = pairs
        self.unsupported: dict[str, str] = {}
        self.class_names: dict[str, list[str]] = {}
        self.notes: list[str] = []
        self.progress = 0.0
        with_split = any(pair.split is not None for pair in pairs)
        self.columns: tuple[str, ...] = (FILE, LABEL, *((SPLIT,) if with_split else ()))

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Columns of strings."""
        wanted = self.columns if columns is None else columns
        for start in range(0, len(self.pairs), BATCH_ROWS):
            pairs = self.pairs[start : start + BATCH_ROWS]
            self.progress = (start + len(pairs)) / len(self.pairs)
            yield pa.RecordBatch.from_pydict(
                {name: pa.array([getattr(p, name) for p in pairs], pa.string()) for name in wanted}
            )


def check_labels(pairs: list[Pair]) -> list[Pair]:
    """The pairs, if their labels could be classes. Raises NotRead."""
    labels = [pair.label for pair in pairs if pair.label is not None]
    try:
        for pair in pairs:
            f"{pair.file}{pair.label}".encode()
    except UnicodeEncodeError as error:
        raise NotRead("it has half of a surrogate pair") from error
    count = len(set(labels))
    if count == 0:
        raise NotRead("it has no labels")
    if count == 1:
        raise NotRead(f"all its labels are {labels[0]!r}")
    if 2 * count > len(labels):
        raise NotRead("its labels differ for nearly every image")
    return pairs


def as_label(value: Any) -> str | None:
    """A JSON value as a label, None for none. Raises NotRead."""
    if value is None:
        return None
    if isinstance(value, list) and len(value) == 1 and not isinstance(value[0], list):
        return as_label(value[0])
    if isinstance(value, str | int):  # True and False too
        return str(value).strip() or None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    what = "several labels" if isinstance(value, list) else "no single label"
    raise NotRead(f"it holds {what} for an image")
