"""The lease table: one row for each person who holds a sample for a while."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Delete, bindparam, delete, select
from sqlalchemy.orm import Session

from service.db.engine import clock
from service.db.statements import cached_statement
from service.db.tables import Lease
from service.review.conditions import at_positions


def _deletion(*conditions: ColumnElement[bool]) -> Delete:
    return (
        delete(Lease)
        .where(at_positions(Lease), *conditions)
        .execution_options(synchronize_session=False)
    )


_LIVE = cached_statement(select(Lease).where(at_positions(Lease), Lease.until > clock()))
_DELETE_ALL = _deletion()
_DELETE_BY_HOLDER = _deletion(Lease.holder == bindparam("holder"))
_DELETE_EXPIRED = _deletion(Lease.until <= clock())


def live_leases(session: Session, dataset_id: str, positions: Sequence[int]) -> Sequence[Lease]:
    """The leases at these positions that have not expired."""
    return session.scalars(_LIVE, _at(dataset_id, positions)).all()


def delete_all(session: Session, dataset_id: str, positions: Sequence[int]) -> None:
    """Delete every lease at these positions, whoever holds it."""
    session.execute(_DELETE_ALL, _at(dataset_id, positions))


def delete_by_holder(
    session: Session, dataset_id: str, positions: Sequence[int], holder: str
) -> None:
    """Delete the leases that one person, by key id, holds at these positions."""
    session.execute(_DELETE_BY_HOLDER, {**_at(dataset_id, positions), "holder": holder})


def delete_expired(session: Session, dataset_id: str, positions: Sequence[int]) -> None:
    """Delete the leases at these positions that have expired."""
    session.execute(_DELETE_EXPIRED, _at(dataset_id, positions))


def _at(dataset_id: str, positions: Sequence[int]) -> dict[str, Any]:
    return {"dataset": dataset_id, "positions": positions}
