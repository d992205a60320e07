"""An option of an objective, and an objective as people see it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Matrix = list[list[float]]
OptionValue = float | int | bool | str | Matrix | None
Origin = Literal["paper", "authors' code", "ours"]

_ROW_SUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Option:
    """One option of an objective. `origin` says whose default it is.

    The type follows from the default: a flag, a word of `choices`, a whole number, a number in
    [low, high], or, where the default is None, a square matrix whose rows are distributions.
    """

    name: str
    default: OptionValue
    meaning: str
    origin: Origin
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()

    def check(self, value: Any) -> OptionValue:
        """The value in the default's type.

        Raises
        ------
        ValueError
            Wrong type, out of range, or not one of the choices.
        """
        if self.default is None:
            return None if value is None else as_noise_matrix(self.name, value)
        if isinstance(self.default, bool):
            if not isinstance(value, bool):
                raise ValueError(f"{self.name} must be true or false, not {value!r}")
            return value
        if isinstance(self.default, str):
            if value not in self.choices:
                raise ValueError(f"{self.name} must be one of {', '.join(self.choices)}")
            return str(value)
        return self._number(value)

    def _number(self, value: Any) -> float | int:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"{self.name} must be a number, not {value!r}")
        if not self.low <= value <= self.high:
            raise ValueError(f"{self.name} must be in [{self.low:g}, {self.high:g}], not {value}")
        if isinstance(self.default, int):
            if value != int(value):
                raise ValueError(f"{self.name} must be a whole number, not {value}")
            return int(value)
        return float(value)


@dataclass(frozen=True)
class ObjectiveSpec:
    """A training objective as people see it."""

    name: str
    title: str
    paper: str
    use_when: str
    options: tuple[Option, ...] = field(default=())
    # a choice of an option -> the defaults of others that it changes
    defaults_with: Mapping[tuple[str, str], Mapping[str, OptionValue]] = field(default_factory=dict)

    def defaults(self, given: Mapping[str, Any]) -> dict[str, OptionValue]:
        """Of all options, beside those that are given."""
        found = {option.name: option.default for option in self.options}
        for (name, choice), others in self.defaults_with.items():
            if given.get(name, found[name]) == choice:
                found |= others
        return found


def as_noise_matrix(name: str, value: Any) -> Matrix:
    """`value` as a square matrix `T[true][given]` of probabilities, its rows normalised exactly.

    Raises
    ------
    ValueError
        Not a square list of lists of at least two rows, an entry outside [0, 1], or a row that does
        not sum to 1 within a thousandth; the first bad row is named.
    """
    if not _is_list(value) or len(value) < 2:
        raise ValueError(f"{name} must be a list of rows, one for each true class")
    matrix: Matrix = []
    for number, row in enumerate(value):
        if not _is_list(row) or len(row) != len(value):
            raise ValueError(f"{name} must be square: row {number} does not have {len(value)}")
        if any(isinstance(p, bool) or not isinstance(p, (int, float)) for p in row):
            raise ValueError(f"{name} must hold numbers: row {number} does not")
        if not all(0.0 <= p <= 1.0 for p in row):
            raise ValueError(f"{name} must hold probabilities in [0, 1]: row {number} does not")
        total = math.fsum(row)
        if abs(total - 1.0) > _ROW_SUM_TOLERANCE:
            raise ValueError(
                f"{name} must have rows (one a true class) that sum to 1: row {number} sums to "
                f"{total:g}"
            )
        # Left alone where it already sums to 1, so that checking twice changes nothing.
        exact = abs(total - 1.0) < 1e-12
        matrix.append([float(p) if exact else p / total for p in row])
    return matrix


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))
