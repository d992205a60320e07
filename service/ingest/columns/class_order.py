"""Whether the columns of predicted probabilities are in the order of the classes."""

from typing import Any

import numpy as np
import pyarrow.compute as pc
from scipy.optimize import linear_sum_assignment

from service.ingest.faults import refuse

LEAST_SAMPLES = 20  # of the classes that would move
GOOD, BAD = 0.5, 0.25  # shares of their samples whose best column is their label's


class ClassOrder:
    """Counts, for each given label, which column has the largest probability."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._counts: dict[str, Any] = {}  # label -> (width,) counts

    def add(self, labels: Any, probabilities: Any) -> None:
        """Take in a batch: strings, and (rows, width) probabilities."""
        best = np.asarray(probabilities).argmax(axis=1)
        codes = labels.dictionary_encode()
        names = codes.dictionary.to_pylist()
        indices = pc.fill_null(codes.indices, -1).to_numpy(zero_copy_only=False)
        for code, name in enumerate(names):
            counts = np.bincount(best[indices == code], minlength=self.width)
            self._counts[name] = self._counts.get(name, 0) + counts

    def check(self, class_names: list[str], column: str) -> None:
        """Refuse columns that fit far better in another order, and say in which.

        The best order is the assignment of columns to classes with the most agreement (Kuhn, 1955).
        It counts if, among the samples of the classes that it moves, at least half agree with it
        and at most a quarter with the order as it is: no model that was trained on these labels
        is that wrong.
        """
        if self.width != len(class_names) or self.width > 2000:
            return
        zero = np.zeros(self.width, np.int64)
        agreement = np.stack([self._counts.get(name, zero) for name in class_names])
        _, assigned = linear_sum_assignment(agreement, maximize=True)
        seen = agreement.sum(axis=1) > 0
        moved = np.flatnonzero((assigned != np.arange(self.width)) & seen)
        total = agreement[moved].sum()
        if total < LEAST_SAMPLES:
            return
        fits = agreement[moved, assigned[moved]].sum()
        stays = agreement[moved, moved].sum()
        if fits < GOOD * total or stays > BAD * total:
            return
        order = [""] * self.width
        for row, place in enumerate(assigned.tolist()):
            order[place] = class_names[row]
        shown = ", ".join(order[:20]) + (", …" if len(order) > 20 else "")
        detail = (
            f"The columns of {column} do not seem to be in the order of the classes: of the "
            f"{total} samples concerned, {stays / total:.0%} agree with their label in this order, "
            f"{fits / total:.0%} in the order {shown}. Reorder the columns, or add `class_names` "
            "in the order of the columns."
        )
        raise refuse("class-order-mismatch", detail, column=column)


def as_rows(column: Any) -> Any:
    """(rows, width) of a fixed-size list column."""
    flat = column.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(len(column), column.type.list_size if len(column) else 0)
