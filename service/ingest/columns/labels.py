"""Reads and counts the given labels, and orders the classes."""

import math
import unicodedata
from collections import Counter
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from service.core.class_size import SMALL_CLASS
from service.ingest.columns.convert import to_codes, to_labels, to_strings
from service.ingest.columns.profile import ColumnProfile
from service.ingest.faults import Faults, refuse
from service.ingest.report import Limits

NAN_WORDS = pa.array(["nan", "NaN"], pa.string())
MISSING_WORDS = {
    *(
        "null",
        "none",
        "n/a",
        "na",
        "n.a.",
        "<na>",
        "#n/a",
        "nil",
        "-",
        "--",
        "?",
        "missing",
        "(null)",
    )
}
SEPARATORS = (";", "|", ",", "/", "+")

Coding = Literal["names", "codes", "negative-is-missing"]


class LabelReader:
    """Turns the label column of each batch into strings, null where missing."""

    def __init__(self, column: str, coding: Coding, names: list[str] | None, limits: Limits):
        self.column = column
        self.coding = coding
        self.names = names
        self.limits = limits
        self.counts: Counter[str] = Counter()
        self.missing = Faults(
            "labels-missing", "Some labels are missing. Fill them in or remove the rows."
        )
        self.without = 0
        self.nan_words = 0
        self.unknown = Faults(
            "label-out-of-range", f"Some labels are not among the {len(names or ())} class names."
        )

    def read(self, column: Any, first_row: int) -> Any:
        """Strings of one batch. Raises BadDataset once too much is wrong."""
        labels = self._decode(column, first_row)
        self._count_nan(column)
        refuse_nul(labels, self.column, first_row)
        for item in pc.value_counts(labels.drop_null()).to_pylist():
            self.counts[item["values"]] += item["counts"]
        if len(self.counts) > self.limits.classes:
            detail = f"Column {self.column} has more than {self.limits.classes} classes. "
            raise refuse("too-many-classes", f"{detail}Is it really the label?", column=self.column)
        self.without += labels.null_count
        if labels.null_count and not self.missing.full:
            for place in pc.indices_nonzero(pc.is_null(labels)).to_pylist():
                self.missing.add("no label", row=first_row + place + 1)
        return labels

    def _count_nan(self, column: Any) -> None:
        """Count the word nan, which is what some programs write for a missing label."""
        if pa.types.is_string(column.type):
            self.nan_words += pc.sum(pc.is_in(column, value_set=NAN_WORDS)).as_py() or 0

    def _decode(self, column: Any, first_row: int) -> Any:
        if self.coding == "names":
            labels = to_labels(column)
            if self.names is not None:
                known = pc.is_in(labels, value_set=pa.array(self.names, pa.string()))
                self._refuse_unknown(pc.and_(pc.is_valid(labels), pc.invert(known)), first_row)
            return labels
        try:
            codes = to_codes(column)
        except pa.ArrowInvalid as error:
            detail = f"Column {self.column} contains fractions, which cannot be class indices."
            raise refuse("label-out-of-range", detail, column=self.column) from error
        if self.names is None:
            return pc.cast(codes, pa.string())
        outside = pc.fill_null(pc.greater_equal(codes, len(self.names)), False)
        self._refuse_unknown(outside, first_row)
        return pa.array(self.names, pa.string()).take(codes)

    def _refuse_unknown(self, mask: Any, first_row: int) -> None:
        for place in pc.indices_nonzero(mask).to_pylist()[:20]:
            self.unknown.add("not a known class", row=first_row + place + 1, column=self.column)
        self.unknown.raise_if_any()

    def uncount(self, labels: Any) -> None:
        """Subtract the labels of samples that are left out."""
        self.without -= labels.null_count
        self.counts.subtract(labels.drop_null().to_pylist())
        self.counts += Counter()  # drops what fell to zero

    def finish(self) -> list[str]:
        """Class names in order. Raises BadDataset where there is too little to audit."""
        labeled = self.counts.total()
        if self.limits.missing_labels == "refuse" or not labeled:
            self.missing.raise_if_any()
        self._refuse_quantities()
        if labeled and len(self.counts) < 2:
            detail = f"All labels are {next(iter(self.counts))!r}; you need at least two classes."
            if self.nan_words:
                detail += f" {self.nan_words} rows say 'nan', which is read as no label."
            raise refuse("too-few-classes", detail, column=self.column)
        least = max(self.limits.smallest_dataset, 2 * len(self.counts))
        if labeled < least:
            detail = f"There are {labeled} labeled samples of {len(self.counts)} classes."
            raise refuse("too-few-samples", f"{detail} You need at least {least}.")
        small = Faults("class-too-small", "Some classes have too few samples.")
        for name, count in self.counts.items():
            if count < self.limits.smallest_class:
                small.add(f"class {name!r} has {count}")
        small.raise_if_any()
        return order_classes(list(self.counts)) if self.names is None else self.names

    def _refuse_quantities(self) -> None:
        """Refuse numbers that differ in nearly every row, which are a quantity and no class."""
        if self.names is not None or len(self.counts) < 10:
            return
        numbers = [number for name in self.counts if (number := _as_number(name)) is not None]
        fractions = any(not number.is_integer() for number in numbers)
        many = len(self.counts) > (0.2 if fractions else 0.5) * self.counts.total()
        if many and len(numbers) >= 0.95 * len(self.counts):
            detail = (
                f"Column {self.column} holds {len(self.counts)} different numbers in "
                f"{self.counts.total()} rows: a quantity (regression), not classes. Only classes "
                "are audited. Put the numbers into a few ranges, or choose another label."
            )
            raise refuse("label-is-quantity", detail, column=self.column)

    def warnings(self, class_names: list[str]) -> list[str]:
        """What the user should know of the labels."""
        notes = []
        if self.without:
            notes.append(f"{self.without} samples have no label and are not audited.")
        if self.nan_words:
            notes.append(
                f"{self.nan_words} rows have the label 'nan', which was read as no label. If it is "
                "a class, give it another name."
            )
        small = [n for n in class_names if 0 < self.counts[n] < SMALL_CLASS]
        if small:
            shown = ", ".join(f"{name} ({self.counts[name]})" for name in small[:10])
            more = f" and {len(small) - 10} more" if len(small) > 10 else ""
            notes.append(f"Classes with fewer than {SMALL_CLASS} samples: {shown}{more}.")
        empty = [n for n in class_names if not self.counts[n]]
        if empty:
            notes.append(f"Classes without samples: {', '.join(empty[:10])}.")
        return notes + _name_alike(class_names)


def choose_coding(
    profile: ColumnProfile | None, names: list[str] | None, *, arrays: bool
) -> Coding:
    """How a label column speaks: names themselves, indices into `names`, or plain integers.

    In arrays a negative number means "no label", unless the classes are -1 and 1.
    """
    if profile is None or profile.is_string:
        return "names"
    if names is not None:
        return "codes"
    signs = len(profile.distinct) == 2 and (profile.smallest, profile.largest) == (-1.0, 1.0)
    return "negative-is-missing" if arrays and profile.is_integer and not signs else "names"


def order_classes(names: list[str]) -> list[str]:
    """By number if all are integers, else alphabetically."""
    try:
        return sorted(names, key=lambda name: (int(name), name))
    except ValueError:
        return sorted(names)


def _name_alike(class_names: list[str]) -> list[str]:
    alike: dict[str, list[str]] = {}
    for name in class_names:
        alike.setdefault(_plain(name), []).append(name)
    groups = [" / ".join(map(_shown, group)) for group in alike.values() if len(group) > 1]
    notes = []
    if groups:
        notes.append(
            "Classes that differ only in case, spaces, invisible characters, accents' encoding "
            "or as 1 and 1.0: "
            f"{', '.join(groups[:10])}."
        )
    signs = {"+", "-"} <= set(class_names)
    missing = [n for n in class_names if n.strip().lower() in MISSING_WORDS and not signs]
    if missing:
        notes.append(
            f"Classes that may mean a missing label: {', '.join(map(repr, missing))}. If they do, "
            "leave the cells empty."
        )
    return notes + _name_combined(class_names)


def _name_combined(class_names: list[str]) -> list[str]:
    """Point out labels such as `a;b` whose parts are labels too."""
    for separator in SEPARATORS:
        combined = [name for name in class_names if separator in name.strip(separator)]
        parts = Counter(part.strip() for name in combined for part in name.split(separator))
        shared = [part for part in parts if part in class_names or parts[part] > 1]
        if combined and len(shared) >= max(2, len(parts) / 2):
            shown = ", ".join(map(repr, combined[:3]))
            return [
                f"Labels such as {shown} look like several labels in one. Each combination is "
                "audited as a class of its own."
            ]
    return []


def _plain(name: str) -> str:
    number = _as_number(name)
    if number is not None:
        return repr(number)
    visible = "".join(letter for letter in name if unicodedata.category(letter) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", visible).casefold().split())


def _shown(name: str) -> str:
    """The name, with its code points where it looks like another."""
    return repr(name) if unicodedata.is_normalized("NFC", name) else f"{name!r} (as NFD)"


def _as_number(name: str) -> float | None:
    try:
        number = float(name)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def refuse_nul(texts: Any, column: str, first_row: int) -> None:
    """Refuse a column of strings with a NUL in it."""
    found = pc.match_substring(to_strings(texts), "\0")
    if pc.any(found).as_py():
        row = first_row + pc.indices_nonzero(found)[0].as_py() + 1
        detail = f"Row {row}, {column}: NUL is not allowed in text. Remove it."
        raise refuse("invalid-character", detail, row=row, column=column)
