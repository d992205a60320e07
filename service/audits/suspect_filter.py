"""The filter of suspects, as conditions of a query."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, literal_column

from labelaudit.enums import Issue, ReviewState, Tier
from service.db.tables import Suspect
from service.db.tables.review import CLOSED, FLAGGED
from service.issues import FLAGS


@dataclass(frozen=True)
class SuspectFilter:
    """A filter of suspects; None means any. `part` (i, n) is the i-th of n equal shares.

    Filters that differ only in the ids of `among` are equal, so that they share a statement, which
    takes the ids as a parameter.
    """

    tier: Sequence[Tier] | None = None
    given_label: int | None = None
    predicted_label: int | None = None
    state: ReviewState | None = None
    issue: Issue | None = None
    p_wrong_from: float | None = None
    p_wrong_to: float | None = None
    part: tuple[int, int] | None = None
    among: Sequence[str] | None = field(default=None, compare=False)  # sample ids
    among_some: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        if self.tier is not None:  # a tuple, so that statements can be cached by filter
            object.__setattr__(self, "tier", tuple(self.tier))
        object.__setattr__(self, "among_some", self.among is not None)

    def parameters(self) -> dict[str, Any]:
        """What the statements of `conditions` take besides their own parameters."""
        return {} if self.among is None else {"among": list(self.among)}

    def conditions(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.tier is not None:
            found.append(Suspect.tier.in_(self.tier))
        if self.given_label is not None:
            found.append(Suspect.given_label == self.given_label)
        if self.predicted_label is not None:
            found.append(Suspect.predicted_label == self.predicted_label)
        if self.state is not None:
            if self.state is not ReviewState.open:
                found.append(literal_column(f"({CLOSED})"))  # few, and they have an index
            found.append(Suspect.state == self.state)
        if self.issue is not None:
            found.append(literal_column(f"({FLAGGED})"))  # few, and they have an index
            found.append(Suspect.issues.bitwise_and(FLAGS[self.issue]) != 0)
        if self.p_wrong_from is not None:
            found.append(Suspect.p_wrong >= self.p_wrong_from)
        if self.p_wrong_to is not None:
            found.append(Suspect.p_wrong <= self.p_wrong_to)
        if self.among is not None:
            found.append(Suspect.sample_id.in_(bindparam("among", expanding=True)))
        if self.part is not None:
            share, shares = self.part
            found.append(Suspect.position % shares == share)
        return found

    def apply(self, query: Select[Any]) -> Select[Any]:
        return query.where(*self.conditions())
