"""What the values of a JSON key are over the whole file, and how they become a column."""

import json
from typing import Any

import pyarrow as pa

from service.core.errors import BadDataset
from service.ingest.faults import refuse

INT64 = 1 << 63


class KeyKind:
    """Collects the kinds of values that one key has, so that its column has one type."""

    def __init__(self) -> None:
        self.scalars: set[type] = set()
        self.numbers = False  # lists of numbers
        self.fractions = False  # among them
        self.others: str | None = None  # another kind of list, or an object
        self.single = True  # every list holds one value or none
        self.inner: set[type] = set()  # of lists of one value
        self.large = False  # integers beyond 64 bits

    def add(self, value: Any) -> None:
        """Take in one value."""
        if value is None:
            return
        if isinstance(value, dict):
            self.others, self.single = self.others or "object", False
        elif isinstance(value, list):
            self._add_list(value)
        else:
            self._add_scalar(value)

    def _add_scalar(self, value: Any) -> None:
        self.scalars.add(type(value))
        self.large |= isinstance(value, int) and not -INT64 <= value < INT64

    def _add_list(self, value: list[Any]) -> None:
        kinds = {type(item) for item in value}
        if len(value) > 1 or kinds & {list, dict}:
            self.single = False
        else:
            self.inner |= kinds - {type(None)}
            self.large |= any(isinstance(v, int) and not -INT64 <= v < INT64 for v in value)
        if kinds <= {int, float}:
            self.numbers = True
            self.fractions |= float in kinds
        elif kinds <= {int, float, type(None)}:
            self.others = self.others or "list of numbers and nulls"
        else:
            self.others = self.others or _name_list(kinds)

    @property
    def is_listed(self) -> bool:
        """True for lists of one value each, which stand for that value."""
        return self.single and bool(self.inner) and not self.scalars

    @property
    def unsupported(self) -> str | None:
        """The name of a type that no role can take."""
        if self.is_listed:
            return None
        if self.others is not None:
            return self.others
        return "lists beside other values" if self.numbers and self.scalars else None

    def to_array(self, values: list[Any]) -> Any:
        """Arrow values of the column's one type."""
        if self.is_listed:
            values = [v[0] if v else None for v in (value or [] for value in values)]
            return _scalars(values, self.inner, self.large)
        if self.numbers:
            return pa.array(values, pa.list_(pa.float64() if self.fractions else pa.int64()))
        return _scalars(values, self.scalars, self.large)


def _name_list(kinds: set[type]) -> str:
    if kinds == {str}:
        return "list of strings"
    return (
        "list of objects" if dict in kinds else "list of lists" if list in kinds else "mixed list"
    )


def _scalars(values: list[Any], kinds: set[type], large: bool) -> Any:
    if not kinds:
        return pa.nulls(len(values))
    if kinds == {str}:
        return pa.array(values, pa.string())
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds == {int} and not large:
        return pa.array(values, pa.int64())
    if kinds <= {int, float} and float in kinds:
        return pa.array([None if v is None else _as_float(v) for v in values], pa.float64())
    return pa.array([None if v is None else _spell(v) for v in values], pa.string())


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def _spell(value: Any) -> str:
    """A value as a string that is the same wherever it stands: 1.0 as 1, true as true."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2.0**53:
        return str(int(value))
    return json.dumps(value)


def bad_value(values: list[Any], name: str, before: int) -> BadDataset:
    """Find the one value of a batch that Arrow could not take."""
    for row, value in enumerate(values, before + 1):
        texts = value if isinstance(value, list) else [value]
        if any(isinstance(text, str) and not _is_unicode(text) for text in texts):
            detail = f"Row {row}, {name}: half of a surrogate pair is not a character. Remove it."
            return refuse("invalid-character", detail, row=row, column=name)
    detail = f"Column {name} holds values that fit no column."
    return refuse("column-type-unsupported", detail, row=before + 1, column=name)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
