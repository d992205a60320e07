"""Pages of lists: one envelope, `items` and `next_cursor`, for every list of the API."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Depends, Query
from pydantic import AfterValidator, BeforeValidator

from labelaudit.enums import JobStatus
from labelaudit.schemas.base import written_moment
from service.api import cursors
from service.db.listing import Order, RowFilter

Row = TypeVar("Row")

Cursor = Annotated[
    str | None, Query(description="The `next_cursor` of the page before this one.", max_length=500)
]
Limit = Annotated[int, Query(ge=1, le=1000, description="The most items to return.")]
Statuses = Annotated[
    list[JobStatus] | None, Query(description="Any of these; repeat the parameter.")
]


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Moment = Annotated[
    Annotated[datetime, BeforeValidator(written_moment), AfterValidator(_in_utc)] | None,
    Query(description="ISO 8601; in UTC unless it says otherwise."),
]


def page(
    found: Sequence[Row], limit: int, key_of: Callable[[Row], tuple[str | int, ...]]
) -> dict[str, Any]:
    """The first `limit` of the rows found; one more than that shows that another page follows."""
    shown = found[:limit]
    following = cursors.encode(*key_of(shown[-1])) if len(found) > limit else None
    return {"items": shown, "next_cursor": following}


def slice_of(items: Iterable[Row], cursor: str | None, limit: int) -> dict[str, Any]:
    """A page of a list that is computed as a whole, in an order that does not change."""
    begin = int(cursors.decode(cursor, int)[0]) if cursor else 0
    found = list(islice(items, max(begin, 0), max(begin, 0) + limit + 1))
    return page(found, limit, lambda _: (begin + limit,))


@dataclass(frozen=True)
class Listing:
    """What the caller of a list of rows asked for."""

    wanted: RowFilter
    order: Order
    limit: int

    @property
    def fetched(self) -> int:
        return self.limit + 1

    def page(self, found: Sequence[Any], shown: Callable[[Any], Any] = lambda row: row) -> Any:
        made = page(found, self.limit, self.order.key_of)
        return {**made, "items": [shown(row) for row in made["items"]]}


Sort = Literal["created_at", "-created_at"]
NamedSort = Literal["created_at", "-created_at", "name", "-name"]
SORT = Query(description="A leading `-` reverses the order; newest first by default.")


def _listing(
    *,
    status: Statuses = None,
    created_after: Moment = None,
    created_before: Moment = None,
    sort: Annotated[Sort, SORT] = "-created_at",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Listing:
    wanted = RowFilter(status, None, created_after, created_before)
    return Listing(wanted, _order(sort, cursor), limit)


def _named_listing(
    *,
    status: Statuses = None,
    name: Annotated[
        str | None, Query(max_length=200, description="Contained in the name, in any case.")
    ] = None,
    created_after: Moment = None,
    created_before: Moment = None,
    sort: Annotated[NamedSort, SORT] = "-created_at",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Listing:
    wanted = RowFilter(status, name, created_after, created_before)
    return Listing(wanted, _order(sort, cursor), limit)


def _order(sort: str, cursor: str | None) -> Order:
    by = sort.removeprefix("-")
    kinds: list[type[str]] = [str] if by == "created_at" else [str, str]
    after = cursors.decode(cursor, *kinds) if cursor else None
    return Order(by, sort.startswith("-"), after)


AnyListing = Annotated[Listing, Depends(_listing)]
NamedListing = Annotated[Listing, Depends(_named_listing)]
