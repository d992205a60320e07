"""The lease table: one row for each sample that somebody holds for a while."""

from collections.abc import Sequence

from sqlalchemy import BindParameter, Delete, bindparam, delete, select
from sqlalchemy.orm import Session

from service.db.engine import clock
from service.db.statements import cached_statement
from service.db.tables import Lease

_POSITIONS: BindParameter[int] = bindparam("positions", expanding=True)
_HERE = (Lease.dataset_id == bindparam("dataset"), Lease.position.in_(_POSITIONS))


def _deletes(statement: Delete) -> Delete:
    return statement.execution_options(synchronize_session=False)


_LIVE = cached_statement(select(Lease).where(*_HERE, Lease.until > clock()))
_OF_ONE = _deletes(delete(Lease).where(*_HERE, Lease.holder == bindparam("person")))
_ALL = _deletes(delete(Lease).where(*_HERE))
_OVER = _deletes(delete(Lease).where(*_HERE, Lease.until <= clock()))


def live(session: Session, dataset_id: str, positions: Sequence[int]) -> Sequence[Lease]:
    """Those of these samples that have not run out."""
    return session.scalars(_LIVE, {"dataset": dataset_id, "positions": positions}).all()


def give_up(session: Session, dataset_id: str, positions: Sequence[int], person: str) -> None:
    """What one person, by key id, holds of these samples."""
    here = {"dataset": dataset_id, "positions": positions}
    session.execute(_OF_ONE, {**here, "person": person})


def let_go(session: Session, dataset_id: str, positions: Sequence[int]) -> None:
    """Whatever anybody holds of these samples."""
    session.execute(_ALL, {"dataset": dataset_id, "positions": positions})


def forget(session: Session, dataset_id: str, positions: Sequence[int]) -> None:
    """Those of these samples that ran out."""
    session.execute(_OVER, {"dataset": dataset_id, "positions": positions})
