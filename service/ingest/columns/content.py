"""What is audited, by kind: each reader turns a batch of source columns into canonical ones."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from service.ingest.columns.class_order import ClassOrder, as_rows
from service.ingest.columns.convert import (
    from_vectors,
    to_categories,
    to_numbers,
    to_strings,
    to_vectors,
)
from service.ingest.columns.labels import refuse_nul
from service.ingest.columns.numbers import Style
from service.ingest.faults import Faults, refuse
from service.ingest.report import FeatureType, Limits

FEATURE = "feature."
SUM_TOLERANCE = 0.02  # float16 probabilities of many classes add up no better


class Content(Protocol):
    """One kind's canonical columns."""

    def columns(self) -> list[str]:
        """The source columns it reads."""
        ...

    def read(self, batch: Any, first_row: int) -> dict[str, Any]:
        """Canonical columns of a batch. Raises BadDataset."""
        ...

    def finish(self) -> list[str]:
        """Checks that need the whole file; warnings."""
        ...


class Text:
    """`text`: a string; missing is the empty string."""

    def __init__(self, column: str) -> None:
        self.column = column
        self.rows = self.empty = 0

    def columns(self) -> list[str]:
        """The source columns it reads."""
        return [self.column]

    def read(self, batch: Any, first_row: int) -> dict[str, Any]:
        """Canonical columns of a batch."""
        texts = pc.fill_null(to_strings(batch[self.column]), "")
        refuse_nul(texts, self.column, first_row)
        self.rows += len(texts)
        self.empty += pc.sum(pc.equal(pc.utf8_trim_whitespace(texts), "")).as_py() or 0
        return {"text": texts}

    def finish(self) -> list[str]:
        """Refuses a column of empty texts."""
        if self.empty == self.rows:
            detail = f"Column {self.column} is empty in every row."
            raise refuse("no-features", detail, column=self.column)
        return [f"{self.empty} texts are empty."] if self.empty else []


class Table:
    """`feature.<name>`: float64 or string, null where missing."""

    def __init__(
        self,
        features: dict[str, FeatureType],
        styles: Mapping[str, Style] | None = None,
        words: Mapping[str, list[str]] | None = None,
    ) -> None:
        self.features = features
        self.styles, self.words = styles or {}, words or {}
        self._infinite = Faults(
            "non-finite-features", "Some numbers are infinite. Leave the cell empty if unknown."
        )

    def columns(self) -> list[str]:
        """The source columns it reads."""
        return list(self.features)

    def read(self, batch: Any, first_row: int) -> dict[str, Any]:
        """Canonical columns of a batch."""
        columns = {}
        for name, type in self.features.items():
            if type == "categorical":
                columns[FEATURE + name] = to_categories(batch[name])
                continue
            style = self.styles.get(name, "plain")
            numbers = to_numbers(batch[name], style, self.words.get(name, ()))
            for place in pc.indices_nonzero(pc.is_inf(numbers)).to_pylist()[:20]:
                self._infinite.add("infinite", row=first_row + place + 1, column=name)
            columns[FEATURE + name] = numbers
        self._infinite.raise_if_any()
        return columns

    def finish(self) -> list[str]:
        """Nothing is left to check."""
        return []


class Vectors:
    """`embedding`: float32, all of one width, all finite."""

    def __init__(self, column: str, limits: Limits) -> None:
        self.column = column
        self.limits = limits
        self.width: int | None = None
        self._first: Any = None
        self._varies = False
        self._not_finite = Faults(
            "non-finite-features", f"Some vectors of {self.column} contain NaN or infinity."
        )

    def columns(self) -> list[str]:
        """The source columns it reads."""
        return [self.column]

    def read(self, batch: Any, first_row: int) -> dict[str, Any]:
        """Canonical columns of a batch."""
        return {"embedding": from_vectors(self._read_vectors(batch, first_row))}

    def _read_vectors(self, batch: Any, first_row: int) -> Any:
        column = batch[self.column]
        self._check_widths(column, first_row)
        vectors = to_vectors(column)  # (rows, width)
        finite = np.isfinite(vectors).all(axis=1)
        for place in np.flatnonzero(~finite)[:20].tolist():
            self._not_finite.add("not finite", row=first_row + place + 1, column=self.column)
        self._not_finite.raise_if_any()
        if self._first is None:
            self._first = vectors[0].copy()
        self._varies = self._varies or bool((vectors != self._first).any())
        return vectors

    def _check_widths(self, column: Any, first_row: int) -> None:
        if not pa.types.is_nested(column.type):
            detail = f"Column {self.column} must hold a list of numbers in every row."
            raise refuse("shape-mismatch", detail, row=first_row + 1, column=self.column)
        widths = pc.fill_null(pc.list_value_length(column), 0)
        if self.width is None:
            self.width = widths[0].as_py()
        faults = Faults(
            "shape-mismatch", f"Some vectors of {self.column} do not have {self.width} numbers."
        )
        for place in pc.indices_nonzero(pc.not_equal(widths, self.width)).to_pylist()[:20]:
            detail = f"{widths[place].as_py()} numbers"
            faults.add(detail, row=first_row + place + 1, column=self.column)
        faults.raise_if_any()
        if not 0 < (self.width or 0) <= self.limits.dimensions:
            detail = (
                f"Vectors have {self.width} numbers; 1 to {self.limits.dimensions} are allowed."
            )
            raise refuse("shape-mismatch", detail, column=self.column)

    def finish(self) -> list[str]:
        """Refuses vectors that are all the same."""
        if not self._varies:
            detail = f"All vectors of {self.column} are equal."
            raise refuse("non-finite-features", detail, column=self.column)
        return []


class Probabilities(Vectors):
    """`pred_probs`: one column a class, in the order of the class names, rows adding up to 1."""

    _order: ClassOrder | None = None

    def read(self, batch: Any, first_row: int) -> dict[str, Any]:
        """Canonical columns of a batch."""
        probabilities = self._read_vectors(batch, first_row)  # (rows, classes)
        off = np.abs(probabilities.sum(axis=1, dtype=np.float64) - 1) > SUM_TOLERANCE
        outside = (probabilities < -SUM_TOLERANCE) | (probabilities > 1 + SUM_TOLERANCE)
        faults = Faults(
            "probabilities-invalid",
            f"Some rows of {self.column} are not probabilities: each must add up to 1.",
        )
        for place in np.flatnonzero(off | outside.any(axis=1))[:20].tolist():
            total = float(probabilities[place].sum())
            faults.add(f"adds up to {total:.4g}", row=first_row + place + 1, column=self.column)
        faults.raise_if_any()
        return {"pred_probs": from_vectors(probabilities)}

    def observe(self, labels: Any, columns: Mapping[str, Any]) -> None:
        """Take in the labels of a batch that `read` gave the columns of."""
        if self._order is None:
            self._order = ClassOrder(self.width or 0)
        self._order.add(labels, as_rows(columns["pred_probs"]))

    def check_classes(self, class_names: list[str]) -> None:
        """Refuse another number of columns than classes, or columns in another order."""
        if self.width != len(class_names):
            detail = (
                f"{self.column} has {self.width} columns for {len(class_names)} classes. Add "
                "`class_names` in the order of the columns."
            )
            raise refuse("shape-mismatch", detail, column=self.column)
        if self._order is not None:
            self._order.check(class_names, self.column)
