"""What a piece of work costs: seconds by the clock, and of the processors.

Others' work on the same machine lengthens the latter far less.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Cost:
    """Seconds of one piece of work; `cpu` adds those of all threads and of ended children."""

    wall: float = 0.0
    cpu: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.wall + other.wall, self.cpu + other.cpu)


@contextmanager
def measured() -> Iterator[Cost]:
    """A cost that is filled in when the block ends."""
    cost, started = Cost(), _now()
    try:
        yield cost
    finally:
        ended = _now()
        cost.wall, cost.cpu = ended.wall - started.wall, ended.cpu - started.cpu


def _now() -> Cost:
    times = os.times()
    cpu = times.user + times.system + times.children_user + times.children_system
    return Cost(time.perf_counter(), cpu)
