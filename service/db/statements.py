"""Cached statements: built once, executed with other parameters each time.

SQLAlchemy takes as long to build a statement, and to look it up in its cache of compiled ones, as
to execute it. Statements that every request executes are therefore built once, with `bindparam` for
their values; those that depend on a filter are built once per filter, by a function with
`lru_cache`.
"""

from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import Select, bindparam, inspect, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.util import identity_key
from sqlalchemy.sql.base import Executable

from service.db.tables import Audit, Dataset
from service.db.tables.base import Model

CACHED = "cached_statement"
CACHE_SIZE = 512  # statements of a function that builds one per filter

Query = TypeVar("Query", bound=Executable)
Row = TypeVar("Row", bound=Model)


def cached_statement(query: Query) -> Query:
    """Mark a query as reused, so that the tenant filter is added to it once.

    Its parameters must not be named `tenant`, `member` or `only`: the filter uses those names.
    Inserts, updates and deletes reject parameters that they do not name, so they need no mark.
    """
    return query.execution_options(**{CACHED: True})


def find(session: Session, kind: type[Row], key: str) -> Row | None:
    """Like `session.get`, with a cached statement."""
    known: Row | None = session.identity_map.get(identity_key(kind, key))
    return known or session.scalars(_by_key(kind), {"key": key}).one_or_none()


def find_child(session: Session, kind: type[Row], key: str, parent: Audit | Dataset) -> Row | None:
    """The row with this id if it belongs to `parent`.

    Children carry no organisation, so a session cannot tell whose they are. Whoever asks for one
    has looked up its parent in the same session, which shows only what its caller may see.
    """
    row = find(session, kind, key)
    belongs = row is not None and getattr(row, f"{parent.__tablename__}_id") == parent.id
    return row if belongs else None


@lru_cache
def _by_key(kind: type[Row]) -> Select[Any]:
    (column,) = inspect(kind).primary_key
    return cached_statement(select(kind).where(column == bindparam("key")))
