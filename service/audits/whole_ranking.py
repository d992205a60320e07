"""A whole ranking, page after page, each in a session of its own.

The caller must be allowed to see the ranking: the queries do not check it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from service.audits.suspect_filter import SuspectFilter
from service.audits.suspects import list_in_row_order, list_suspects

PAGE = 5_000

# Opens a session for each page; nothing is held while a page is used.
Reading = Callable[[], AbstractContextManager[Session]]


def by_rank(reading: Reading, ranking_id: str) -> Iterator[Row[Any]]:
    """All suspects, worst first, as rows of `LIST_COLUMNS`."""

    def read(session: Session, after: int) -> Sequence[Row[Any]]:
        return list_suspects(session, ranking_id, wanted=SuspectFilter(), after=after, limit=PAGE)

    return _read_pages(reading, read, by="rank", after=0)


def by_row(reading: Reading, dataset_id: str, ranking_id: str) -> Iterator[Row[Any]]:
    """All suspects in the order of the upload, as rows of the position and `LIST_COLUMNS`."""

    def read(session: Session, after: int) -> Sequence[Row[Any]]:
        return list_in_row_order(session, dataset_id, ranking_id, after=after, limit=PAGE)

    return _read_pages(reading, read, by="position", after=-1)


def _read_pages(
    reading: Reading,
    read: Callable[[Session, int], Sequence[Row[Any]]],
    *,
    by: str,
    after: int,
) -> Iterator[Row[Any]]:
    while True:
        with reading() as session:
            page = read(session, after)
        yield from page
        if len(page) < PAGE:
            return
        after = getattr(page[-1], by)
