"""The corrections that an export applies, and their rows in the upload."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from service.core.errors import BadInput
from service.ingest.origin import Origin

GIVEN, CORRECTED = "given_label", "corrected_label"


@dataclass(frozen=True)
class Correction:
    """The correction that applies to one sample.

    `corrected_label` None keeps the given label; `excluded` leaves the sample out. `certificate` is
    the id of the certificate that it rests on, None if somebody looked at the sample.
    """

    corrected_label: str | None
    verdict: str
    annotator: str | None = None
    corrected_at: datetime | None = None
    excluded: bool = False
    certificate: str | None = None

    @property
    def timestamp(self) -> str | None:
        """`corrected_at` in UTC as RFC 3339 text; a naive time is taken as UTC."""
        if self.corrected_at is None:
            return None
        aware = self.corrected_at.tzinfo is not None
        moment = self.corrected_at if aware else self.corrected_at.replace(tzinfo=UTC)
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


# By position, only for corrected samples.
CorrectedLabels = Mapping[int, Correction]


class RowEdits:
    """Corrections by 0-based row of the upload, in which some rows may not have become samples."""

    def __init__(self, labels: CorrectedLabels, origin: Origin) -> None:
        # The position that each skipped row would have if those before it were left out.
        self._skips = [row - before for before, row in enumerate(sorted(origin.skipped_rows))]
        self._by_row = {self.row_of(p): labels[p] for p in sorted(labels)}
        self._rows = sorted(self._by_row)
        self._codes = {name: code for code, name in enumerate(origin.class_names)}
        self._coded = origin.labels_are_codes

    def row_of(self, position: int) -> int:
        """The 0-based row of the upload that became the sample at a position."""
        return position + bisect_right(self._skips, position)

    def part(self, first: int, end: int) -> "RowEdits":
        """The corrections of one of several tables, by its own rows."""
        part = copy(self)
        part._by_row = {row - first: c for row, c in self.between(first, end).items()}
        part._rows = sorted(part._by_row)
        return part

    def between(self, first: int, end: int) -> dict[int, Correction]:
        """Corrections of the rows first <= row < end, by row."""
        rows = self._rows[bisect_left(self._rows, first) : bisect_left(self._rows, end)]
        return {row: self._by_row[row] for row in rows}

    @property
    def class_count(self) -> int:
        """How many classes the upload has."""
        return len(self._codes)

    @property
    def any(self) -> bool:
        """Whether any row changes: a label, or that it is left out."""
        return any(c.excluded or c.corrected_label is not None for c in self._by_row.values())

    @property
    def excluded(self) -> int:
        """How many rows are left out."""
        return sum(correction.excluded for correction in self._by_row.values())

    def written(self, label: str) -> str:
        """A label as the upload writes it: its code where labels are codes.

        Raises BadInput (`label-out-of-range`) for a class that the file has no code for.
        """
        if not self._coded:
            return label
        if label not in self._codes:
            detail = f"The file knows no class {label!r}. Export as csv or parquet instead."
            raise BadInput(detail, type="label-out-of-range")
        return str(self._codes[label])

    def longest(self) -> int:
        """Characters of the longest corrected label."""
        return max((len(c.corrected_label or "") for c in self._by_row.values()), default=0)


@dataclass(frozen=True)
class LabelColumns:
    """Which columns of the upload take the corrected label, and which keeps the given one.

    `given_label` is never overwritten: where the upload's label has that name, the corrected label
    goes beside it. `corrected_label` is what a later ingest takes for the label.
    """

    label: str
    corrected: list[str]
    added: list[str]

    @staticmethod
    def of(columns: list[str], label: str) -> "LabelColumns":
        """The rule for a file with these columns."""
        corrected = [name for name in (label, CORRECTED) if name != GIVEN]
        added = [name for name in (GIVEN, CORRECTED) if name not in columns]
        return LabelColumns(label, list(dict.fromkeys(corrected)), added)


def read_rows(samples: Path, positions: list[int], columns: list[str]) -> Iterator[dict[str, Any]]:
    """Some rows of `samples.parquet`, one row group at a time. `positions` must be sorted."""
    with pq.ParquetFile(samples, pre_buffer=False) as file:
        start = 0
        for group in range(file.metadata.num_row_groups):
            end = start + file.metadata.row_group(group).num_rows
            wanted = positions[bisect_left(positions, start) : bisect_left(positions, end)]
            if wanted:
                table = file.read_row_group(group, columns=columns, use_threads=False)
                yield from table.take([position - start for position in wanted]).to_pylist()
            start = end
