"""The samples of one encoding, read a row group at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Some samples: their rows in the encoding, their positions in the dataset, their columns."""

    rows: Positions
    positions: Positions
    table: pa.Table

    def texts(self, column: str) -> list[str | None]:
        texts: list[str | None] = self.table.column(column).to_pylist()
        return texts


@dataclass(frozen=True)
class Samples:
    """`samples.parquet`, the upload it was read from, and which of its rows are wanted."""

    parquet: Path
    upload: Path
    positions: Positions

    @classmethod
    def open(cls, parquet: Path, upload: Path, positions: NDArray[np.integer] | None) -> "Samples":
        """Raises ValueError if there is nothing to encode or a position is not in the file."""
        total = pq.read_metadata(parquet).num_rows
        chosen = np.arange(total) if positions is None else np.asarray(positions)
        if len(chosen) == 0:
            raise ValueError("there are no samples to encode")
        if chosen.min() < 0 or chosen.max() >= total:
            raise ValueError(f"positions must be in [0, {total}), {parquet.name} has no others")
        return cls(parquet, upload, chosen.astype(np.int64))

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def columns(self) -> dict[str, pa.DataType]:
        return {field.name: field.type for field in pq.read_schema(self.parquet)}

    def read(self, columns: Sequence[str]) -> Iterator[Rows]:
        """The wanted samples in file order, at most one row group at a time."""
        order = np.argsort(self.positions, kind="stable")
        wanted = self.positions[order]
        with pq.ParquetFile(self.parquet, pre_buffer=False) as file:
            start = 0
            for group in range(file.num_row_groups):
                stop = start + file.metadata.row_group(group).num_rows
                low, high = np.searchsorted(wanted, (start, stop))
                if low < high:
                    table = file.read_row_group(group, columns=list(columns))
                    found = wanted[low:high]
                    yield Rows(order[low:high], found, table.take(pa.array(found - start)))
                start = stop

    def spread(self, count: int) -> "Samples":
        """At most `count` of these samples, evenly spaced: enough to choose sizes and scales by."""
        if len(self) <= count:
            return self
        chosen = np.sort(self.positions)[np.linspace(0, len(self) - 1, count).astype(np.int64)]
        return Samples(self.parquet, self.upload, chosen)
