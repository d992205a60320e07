"""Collects the faults of a file, so that an error can list the first ones."""

from typing import Any

from service.core.errors import BadDataset

LISTED = 20


class Faults:
    """The first twenty faults of one kind; `raise_if_any` raises an error that lists them."""

    def __init__(self, type: str, detail: str) -> None:
        self.type = type
        self.detail = detail
        self.count = 0
        self.items: list[dict[str, Any]] = []

    def add(
        self,
        detail: str,
        *,
        row: int | None = None,
        file: str | None = None,
        column: str | None = None,
    ) -> None:
        """Add one fault; `row` is the 1-based data row."""
        self.count += 1
        if len(self.items) < LISTED:
            place = {"row": row, "file": file, "column": column}
            known = {key: value for key, value in place.items() if value is not None}
            self.items.append({"detail": detail, **known})

    @property
    def full(self) -> bool:
        """True when the list is long enough to stop reading."""
        return self.count >= LISTED

    def raise_if_any(self) -> None:
        """Raise BadDataset if there are any faults."""
        if self.count:
            raise BadDataset(self.detail, type=self.type, errors=self.items)


def refuse(
    type: str,
    detail: str,
    *,
    row: int | None = None,
    file: str | None = None,
    column: str | None = None,
) -> BadDataset:
    """The error for a file with one fault; the caller raises it."""
    faults = Faults(type, detail)
    if (row, file, column) != (None, None, None):
        faults.add(detail, row=row, file=file, column=column)
    return BadDataset(detail, type=type, errors=faults.items)
