"""Table rows -> vectors by numbers that a worker has fitted: what a model's description holds.

The same arithmetic as the fitted transformer (`worker.encoders.tables`), from plain JSON, so that
new rows can be read without scikit-learn and without unpickling anything.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from labelaudit.schemas.model_description import CategoryColumn, Cell, TableColumns
from service.core.errors import BadInput

MISSING = "\0missing"
CLIP_AT = 3.0
NO_NUMBER = frozenset({"", "nan", "na", "n/a", "null", "none", "?"})


def soft_clip(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Any real numbers -> (-3, 3), nearly unchanged within (-1, 1).

    David Holzmüller et al.: Better by Default, https://arxiv.org/abs/2407.04491
    """
    return values / np.sqrt(1.0 + (values / CLIP_AT) ** 2)


def transform(columns: TableColumns, rows: Sequence[Mapping[str, Cell]]) -> NDArray[np.float32]:
    """(n, `columns.width`) float32. A column that a row leaves out is missing in it.

    Raises
    ------
    BadInput
        A row has a column that the model does not know, or no number where one belongs.
    """
    for index, row in enumerate(rows):
        if unknown := sorted(set(row) - columns.names):
            raise _refused(index, unknown[0], "the model was trained without such a column")
    parts = [np.empty((len(rows), 0), np.float64)]
    for column in columns.numbers:
        values = _numbers(rows, column.name)
        values = np.where(np.isnan(values), column.filled, values)
        clipped = soft_clip((values - column.centre) / column.scale)
        parts.append(((clipped - column.clipped_centre) / column.clipped_scale)[:, None])
    parts += [np.isnan(_numbers(rows, name))[:, None] for name in columns.marks]
    parts += [_one_hot(rows, column) for column in columns.categories]
    return np.hstack(parts).astype(np.float32)


def _numbers(rows: Sequence[Mapping[str, Cell]], name: str) -> NDArray[np.float64]:
    return np.array([_number(row.get(name), index, name) for index, row in enumerate(rows)])


def _number(cell: Cell, index: int, name: str) -> float:
    if cell is None or (isinstance(cell, str) and cell.strip().lower() in NO_NUMBER):
        return math.nan
    try:
        number = float(cell)
    except (ValueError, OverflowError):
        raise _refused(index, name, "not a number") from None
    if math.isinf(number):
        raise _refused(index, name, "an infinite number")
    return number


def _one_hot(rows: Sequence[Mapping[str, Cell]], column: CategoryColumn) -> NDArray[np.float64]:
    places: dict[str, int] = {value: place for place, value in enumerate(column.values)}
    marked = np.zeros((len(rows), column.width))
    for index, row in enumerate(rows):
        place = places.get(_category(row.get(column.name)), column.rare)
        if place is not None:
            marked[index, place] = 1.0
    return marked


def _category(cell: Cell) -> str:
    match cell:
        case None | "":
            return MISSING
        case bool():
            return str(cell).lower()
        case float() if math.isnan(cell):
            return MISSING
        case float() if cell.is_integer():
            return str(int(cell))
        case _:
            return str(cell)


def _refused(index: int, name: str, detail: str) -> BadInput:
    return BadInput(
        f"Row {index}, column {name!r}: {detail}.",
        type="row-unreadable",
        errors=[{"pointer": f"/rows/{index}/{name}", "detail": detail}],
    )
