"""Conditions that several queries of the review share."""

from typing import Any

from sqlalchemy import BindParameter, ColumnElement, and_, bindparam

from labelaudit.enums import ReviewState
from service.db.tables import Lease, Suspect

_POSITIONS: BindParameter[int] = bindparam("positions", expanding=True)


def at_positions(table: Any) -> ColumnElement[bool]:
    """The rows of these samples, for the parameters `dataset` and `positions`."""
    return and_(table.dataset_id == bindparam("dataset"), table.position.in_(_POSITIONS))


def leases_of_suspect(dataset: ColumnElement[str]) -> ColumnElement[bool]:
    """The leases of the suspect's sample, for a join or a correlated subquery."""
    return and_(Lease.dataset_id == dataset, Lease.position == Suspect.position)


def partially_reviewed() -> ColumnElement[bool]:
    """Whether some of the suspect's opinions are in and others are missing. Until all are, nobody
    may see them, or anything that was made of them: who judges next must not be led."""
    return and_(
        Suspect.state.in_([ReviewState.open, ReviewState.skipped]),
        Suspect.opinions > 0,
    )
