"""Sample ids: unique in their dataset, also when compared as Unicode means them."""

import unicodedata
from array import array
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from service.ingest.columns.convert import to_strings
from service.ingest.columns.labels import refuse_nul
from service.ingest.faults import Faults


class SampleIds:
    """Checks that ids are unique, with a hash per id; only a collision needs a second pass."""

    def __init__(self, column: str | None) -> None:
        self.column = column
        self._hashes = array("q")
        self._missing = Faults(
            "sample-id-missing", "Some samples have no id. Fill in the column or rename it."
        )

    def read(self, column: Any, first_row: int) -> Any:
        """The ids of one batch as strings. Raises BadDataset (`sample-id-missing`)."""
        ids = to_strings(column)
        blank = pc.fill_null(pc.equal(ids, ""), True)
        for place in pc.indices_nonzero(blank).to_pylist()[:20]:
            self._missing.add("no id", row=first_row + place + 1, column=self.column)
        self._missing.raise_if_any()
        refuse_nul(ids, self.column or "sample_id", first_row)
        self._hashes.extend(map(hash, _normalized(ids)))
        return ids

    @staticmethod
    def number(first_row: int, rows: int) -> Any:
        """Ids for rows that bring none: their 0-based number."""
        return pc.cast(pa.array(np.arange(first_row, first_row + rows)), pa.string())

    @property
    def may_clash(self) -> bool:
        """True if two ids may be the same."""
        hashes = np.sort(np.frombuffer(self._hashes, np.int64))
        return bool((hashes[1:] == hashes[:-1]).any())

    def refuse_duplicates(self, batches: Iterable[Any]) -> None:
        """Second look, over the column's batches. Raises BadDataset (`duplicate-sample-id`)."""
        hashes = np.sort(np.frombuffer(self._hashes, np.int64))
        suspects = set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())
        faults = Faults(
            "duplicate-sample-id",
            f"Column {self.column} has duplicate ids. Make them unique, or remove the column "
            "from the file or from the column roles to number the rows instead.",
        )
        first: dict[str, int] = {}
        row = 0
        for column in batches:
            for value in to_strings(column).to_pylist():
                row += 1
                key = normalize(value)
                if hash(key) not in suspects:
                    continue
                if key in first:
                    faults.add(f"{value!r} is also row {first[key]}", row=row, column=self.column)
                first.setdefault(key, row)
            if faults.full:
                break
        faults.raise_if_any()


def _normalized(ids: Any) -> Iterable[str]:
    values = ids.to_pylist()
    return values if pc.all(pc.string_is_ascii(ids)).as_py() else map(normalize, values)


def normalize(sample_id: str) -> str:
    """The form in which two ids are compared."""
    return unicodedata.normalize("NFC", sample_id)
