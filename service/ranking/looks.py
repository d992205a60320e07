"""How few looks would tell whether many suggestions can be applied at once (`certificate.py`)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.ranking.certificate import head_sizes, looks_if_right

LEVEL = 0.9  # the share of right suggestions that is to be promised
WORTH = 2  # times as many samples as looks, or judging them one by one is as quick


@dataclass(frozen=True)
class LooksPlan:
    """If each of `looks` samples that are drawn at random confirms the suggestion, at least `level`
    of the `samples` best suggestions are right."""

    looks: int
    samples: int
    level: float


def plan_looks(disputed: int, suggestions: int) -> LooksPlan | None:
    """The largest head of the suggestions that a certificate could be about; None = too few.

    Parameters
    ----------
    disputed : int
        Samples whose label the models would not have given; all of them are in the list.
    suggestions : int
        How many of them have a suggestion; these come first.
    """
    sizes = head_sizes(disputed, disputed)
    sizes = sizes[(sizes > 0) & (sizes <= suggestions)]
    if not len(sizes):
        return None
    by_priority: NDArray[np.intp] = np.random.default_rng(0).permutation(int(sizes[-1]))
    looks = int(looks_if_right(sizes, by_priority, LEVEL)[-1])
    samples = int(sizes[-1])
    return LooksPlan(looks, samples, LEVEL) if samples >= WORTH * looks else None
