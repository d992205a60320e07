"""One pass over a source: what each column contains, so that its role can be detected."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from service.ingest.columns.convert import NO_LABEL, to_numbers
from service.ingest.columns.numbers import NumberProfile, Style
from service.ingest.report import SeenColumn
from service.ingest.source import RowSource

DISTINCT_CAP = 10_000
SEEN_COLUMNS = 500  # a person looks at; the others can still be given a role by name
EXAMPLES = 3
EXAMPLE_LENGTH = 120


@dataclass
class ColumnProfile:
    """What was seen of one column. `distinct` holds hashes, at most DISTINCT_CAP of them."""

    name: str
    rows: int = 0
    missing: int = 0
    # "string", "number", "integer", "boolean", "moment", "list", "picture"
    types: set[str] = field(default_factory=set)
    numbers: NumberProfile = field(default_factory=NumberProfile)
    prefer_comma: bool = False  # other columns show that commas are decimal ones
    floating_lists: bool = False
    widths: set[int] = field(default_factory=set)  # of the lists, two at most
    step: int | None = None  # from value to value of an integer column that counts rows
    first: int | None = None
    _last: int | None = None
    counts_rows: bool = True
    distinct: set[int] = field(default_factory=set)
    characters: int = 0
    with_spaces: int = 0
    smallest: float = float("inf")
    largest: float = float("-inf")
    samples: list[str] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)

    @property
    def present(self) -> int:
        """Rows that hold a value."""
        return self.rows - self.missing

    @property
    def is_string(self) -> bool:
        """True if any value is a string."""
        return "string" in self.types

    @property
    def style(self) -> Style | None:
        """How numbers are written, None if the values are no numbers."""
        if self.types & {"list", "picture"}:
            return None
        if "string" not in self.types:
            return "plain"
        return self.numbers.style(prefer_comma=self.prefer_comma)

    @property
    def reads_as_number(self) -> bool:
        """True if the values are numbers, but for a few words."""
        return self.style is not None

    @property
    def is_picture(self) -> bool:
        """True for encoded images."""
        return "picture" in self.types

    @property
    def is_row_number(self) -> bool:
        """True for integers that count the rows from 0 or 1."""
        return self.counts_rows and self.step == 1 and self.first in (0, 1) and self.rows > 2

    @property
    def is_list(self) -> bool:
        """True for vectors."""
        return "list" in self.types

    @property
    def is_integer(self) -> bool:
        """True if every value is stored as an integer."""
        return self.types == {"integer"}

    @property
    def distinct_share(self) -> float:
        """Distinct values by value, at most 1; a lower bound beyond DISTINCT_CAP."""
        if len(self.distinct) >= DISTINCT_CAP:
            return 1.0
        return len(self.distinct) / max(1, self.present)

    @property
    def mean_length(self) -> float:
        """Characters by string."""
        return self.characters / max(1, self.present)

    @property
    def is_prose(self) -> bool:
        """True for long strings of several words that seldom repeat."""
        words = self.with_spaces > 0.5 * self.present
        return (
            self.is_string
            and not self.reads_as_number
            and words
            and self.mean_length >= 20
            and self.distinct_share > 0.5
        )

    def add(self, column: Any) -> None:
        """Take in one batch of the column."""
        self.rows += len(column)
        if len(self.examples) < EXAMPLES:
            first = column.slice(0, 10 * EXAMPLES).drop_null()
            self.examples += map(_example, first.slice(0, EXAMPLES - len(self.examples)))
        if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
            self.types.add("picture")
            self.missing += column.null_count
            self.counts_rows = False
        elif pa.types.is_nested(column.type):
            self._add_lists(column)
        elif pa.types.is_null(column.type):
            self.missing += len(column)
        elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            self._add_strings(column)
        else:
            self._add_numbers(column)

    def _add_lists(self, column: Any) -> None:
        self.types.add("list")
        self.missing += column.null_count
        self.counts_rows = False
        if len(self.widths) < 2 and len(column):
            self.widths.update(pc.unique(pc.list_value_length(column)).drop_null().to_pylist()[:2])
        self.floating_lists |= bool(pa.types.is_floating(column.type.value_type))

    def _add_strings(self, column: Any) -> None:
        blank = pc.is_in(column, value_set=NO_LABEL.cast(column.type))
        values = column.filter(pc.and_not(pc.is_valid(column), blank))
        self.missing += len(column) - len(values)
        if not len(values):
            return
        self.types.add("string")
        self._add_distinct(values)
        if len(self.samples) < 100:
            self.samples += values[: 100 - len(self.samples)].to_pylist()
        self.characters += pc.sum(pc.utf8_length(values)).as_py()
        self.with_spaces += pc.sum(pc.match_substring(values, " ")).as_py()
        self.numbers.add(values)
        if not (self.numbers.words or set(+self.numbers.kinds) - {"integer", "point"}):
            self._add_range(to_numbers(values))
        self._add_steps(column if set(+self.numbers.kinds) == {"integer"} else None)

    def _add_numbers(self, column: Any) -> None:
        integer = pa.types.is_integer(column.type)
        moment = pa.types.is_date(column.type) or pa.types.is_timestamp(column.type)
        boolean = pa.types.is_boolean(column.type)
        kind = "moment" if moment else "boolean" if boolean else "number"
        self.types.add("integer" if integer else kind)
        numbers = to_numbers(column)
        self.missing += numbers.null_count
        self._add_distinct(column)
        self._add_range(numbers)
        self._add_steps(column if integer else None)

    def _add_steps(self, column: Any) -> None:
        """Whether the values go on counting; None if they are no integers."""
        if not self.counts_rows:
            return
        if column is None or column.null_count:
            self.counts_rows = False
            return
        try:
            values = pc.cast(column, pa.int64()).to_numpy()
        except pa.ArrowInvalid:
            self.counts_rows = False
            return
        if self.first is None and len(values):
            self.first = int(values[0])
        if self._last is not None:
            values = np.concatenate([[self._last], values])
        steps = np.unique(np.diff(values))
        if len(steps):
            self.step = int(steps[0]) if self.step is None else self.step
            self.counts_rows = len(steps) == 1 and int(steps[0]) == self.step
        if len(values):
            self._last = int(values[-1])

    def _add_distinct(self, values: Any) -> None:
        if len(self.distinct) < DISTINCT_CAP:
            unique = pc.unique(values).drop_null().to_pylist()
            self.distinct.update(map(hash, unique[:DISTINCT_CAP]))

    def _add_range(self, numbers: Any) -> None:
        ends = pc.min_max(numbers)
        if ends["min"].is_valid:
            self.smallest = min(self.smallest, ends["min"].as_py())
            self.largest = max(self.largest, ends["max"].as_py())


def _example(value: Any) -> str:
    if pa.types.is_binary(value.type) or pa.types.is_large_binary(value.type):
        return "an image"
    if pa.types.is_nested(value.type):
        return f"{len(value)} numbers" if value.is_valid else ""
    return str(value.as_py())[:EXAMPLE_LENGTH]


def seen_columns(source: RowSource, profiles: dict[str, ColumnProfile]) -> list[SeenColumn]:
    """The first columns of the file with what they hold, in its order."""
    return [
        SeenColumn(name, source.unsupported[name], 0, [])
        if name in source.unsupported
        else SeenColumn(
            name,
            _type_name(profiles[name].types),
            profiles[name].missing,
            profiles[name].examples,
        )
        for name in source.columns[:SEEN_COLUMNS]
    ]


def _type_name(types: set[str]) -> str:
    shown_as = {"list": "list", "picture": "image", "string": "text", "number": "number"}
    shown_as |= {"moment": "date", "boolean": "boolean"}
    for name, shown in shown_as.items():
        if name in types:
            return shown
    return "integer" if types else "empty"


def profile_columns(source: RowSource, tell: Callable[[float], None]) -> dict[str, ColumnProfile]:
    """Profiles of the columns that some role can take, in file order; `tell` gets the share."""
    supported = [name for name in source.columns if name not in source.unsupported]
    profiles = {name: ColumnProfile(name) for name in supported}
    pictures: Collection[str] = getattr(source, "pictures", ())
    for name in pictures:  # they are not decoded twice
        profiles[name].types.add("picture")
        profiles[name].counts_rows = False
    names = [name for name in supported if name not in pictures] or supported
    for batch in source.batches(names):
        for name, column in zip(names, batch.columns, strict=True):
            profiles[name].add(column)
        tell(source.progress)
    commas = any(profile.numbers.must_be_commas() for profile in profiles.values())
    for profile in profiles.values():
        profile.prefer_comma = commas or getattr(source, "delimiter", ",") == ";"
    return profiles
