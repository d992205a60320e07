"""Lists of rows that have an id, a name, a status and a time: filtered, ordered, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

Row = TypeVar("Row")


@dataclass(frozen=True)
class RowFilter:
    """Only rows that match all that is given."""

    statuses: Sequence[str] | None = None
    name_contains: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None

    def apply(self, query: Select[Row], table: Any) -> Select[Row]:
        if self.statuses:
            query = query.where(table.status.in_(self.statuses))
        if self.name_contains:
            query = query.where(table.name.icontains(self.name_contains, autoescape=True))
        if self.created_after is not None:
            query = query.where(table.created_at >= self.created_after)
        if self.created_before is not None:
            query = query.where(table.created_at < self.created_before)
        return query


@dataclass(frozen=True)
class Order:
    """A sort column, its direction, and the row after which the list goes on.

    Ids sort by time of creation, so they break ties and stand for `created_at`.
    """

    by: str = "created_at"
    descending: bool = True
    after: tuple[str | int, ...] | None = None  # as `key_of` returns

    def first(self, session: Session, query: Select[Row], table: Any, limit: int) -> list[Row]:
        """The next `limit` rows."""
        keys = self._columns(table)
        if self.after is not None:
            here, there = tuple_(*keys), tuple_(*self.after)
            query = query.where(here < there if self.descending else here > there)
        ordered = (key.desc() if self.descending else key.asc() for key in keys)
        return list(session.scalars(query.order_by(*ordered).limit(limit)))

    def key_of(self, row: Any) -> tuple[str | int, ...]:
        """Where the row stands in this order."""
        return tuple(getattr(row, column.key) for column in self._columns(type(row)))

    def _columns(self, table: Any) -> list[InstrumentedAttribute[Any]]:
        return [table.id] if self.by == "created_at" else [getattr(table, self.by), table.id]
