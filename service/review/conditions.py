"""Conditions that several queries of the review share."""

from typing import Any

from sqlalchemy import BindParameter, ColumnElement, and_, bindparam

from service.db.tables import Lease, Suspect

_POSITIONS: BindParameter[int] = bindparam("positions", expanding=True)


def at_positions(table: Any) -> ColumnElement[bool]:
    """The rows of these samples, for the parameters `dataset` and `positions`."""
    return and_(table.dataset_id == bindparam("dataset"), table.position.in_(_POSITIONS))


def leases_of_suspect(dataset: ColumnElement[str]) -> ColumnElement[bool]:
    """The leases of the suspect's sample, for a join or a correlated subquery."""
    return and_(Lease.dataset_id == dataset, Lease.position == Suspect.position)
