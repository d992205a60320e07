"""Finds a row by its id, or says that there is none."""

from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import Select, bindparam, inspect, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.util import identity_key

from service.core.errors import NotFound
from service.db.statements import cached_statement
from service.db.tables import Audit, Dataset
from service.db.tables.base import Model

Row = TypeVar("Row", bound=Model)


def get_row(session: Session, model: type[Row], key: str, name: str, *, lock: bool = False) -> Row:
    """The row with this id, locked if wanted. Raises NotFound, which calls it by `name`."""
    row = session.get(model, key, with_for_update=lock or None)
    if row is None:
        raise NotFound(f"There is no {name} {key!r}.")
    return row


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
