"""Cached statements: built once, executed with other parameters each time.

SQLAlchemy takes as long to build a statement, and to look it up in its cache of compiled ones, as
to execute it. Statements that every request executes are therefore built once, with `bindparam` for
their values; those that depend on a filter are built once per filter, by a function with
`lru_cache`.
"""

from typing import TypeVar

from sqlalchemy.sql.base import Executable

CACHED = "cached_statement"
CACHE_SIZE = 512  # statements of a function that builds one per filter

Query = TypeVar("Query", bound=Executable)


def cached_statement(query: Query) -> Query:
    """Mark a query as reused, so that the tenant filter is added to it once.

    Inserts, updates and deletes reject parameters that they do not name, so they need no mark.
    """
    return query.execution_options(**{CACHED: True})
