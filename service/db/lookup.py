"""Finds a row by its id, or says that there is none."""

from typing import TypeVar

from sqlalchemy.orm import Session

from service.core.errors import NotFound
from service.db.tables.base import Model

Row = TypeVar("Row", bound=Model)


def get_row(session: Session, model: type[Row], key: str, name: str, *, lock: bool = False) -> Row:
    """The row with this id, locked if wanted. Raises NotFound, which calls it by `name`."""
    row = session.get(model, key, with_for_update=lock or None)
    if row is None:
        raise NotFound(f"There is no {name} {key!r}.")
    return row
