"""Statements that are made once and asked with other values each time.

To make a statement, and to find out that it has been compiled before, takes SQLAlchemy as long as
to run it. What every request asks is therefore made once, with `bindparam` for its values; what
depends on a filter is made once for each filter, by a function with `lru_cache`.
"""

from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import Select, bindparam, inspect, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.util import identity_key
from sqlalchemy.sql.base import Executable

from service.db.tables.base import Model

PREPARED = "prepared"
KEPT = 512  # statements of a function that makes one for each filter

Query = TypeVar("Query", bound=Executable)
Row = TypeVar("Row", bound=Model)


def prepared(query: Query) -> Query:
    """Mark a query as one that is kept, so that what callers may see is added to it once.

    Its parameters must not be named `tenant` or `member`: those say who is calling. Changes take no
    parameters that they do not name, and so are kept without a mark.
    """
    return query.execution_options(**{PREPARED: True})


def find(session: Session, kind: type[Row], key: str) -> Row | None:
    """What `session.get` finds."""
    known: Row | None = session.identity_map.get(identity_key(kind, key))
    return known or session.scalars(_by_key(kind), {"key": key}).one_or_none()


@lru_cache
def _by_key(kind: type[Row]) -> Select[Any]:
    (column,) = inspect(kind).primary_key
    return prepared(select(kind).where(column == bindparam("key")))
