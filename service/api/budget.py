"""What one organisation may use at a time of requests that cost much processor time.

Such requests run in the threads that serve everybody. Without a budget, one organisation that asks
for many reports at once would leave none for the others. Counted in each process.
"""

import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

from service.core.errors import TooManyRequests

WAIT_SECONDS = 3.0
WAITING = 2  # requests that may wait, for each that may run
RETRY_SECONDS = 2
EXPENSIVE = "is_expensive"

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


class Budget:
    """At most `at_once` blocks of one name run at a time. A few more wait for a moment; 0: no
    limit."""

    def __init__(self, at_once: int, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self._at_once, self._wait_seconds = at_once, wait_seconds
        self._running: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._changed = threading.Condition()

    @contextmanager
    def spend(self, name: str) -> Generator[None]:
        """Within the block, one more of the name's requests runs. Raises TooManyRequests."""
        if not self._at_once:
            yield
            return
        self._begin(name)
        try:
            yield
        finally:
            with self._changed:
                _decrement(self._running, name)
                self._changed.notify_all()

    def _begin(self, name: str) -> None:
        with self._changed:
            if not self._has_room(name) and not self._wait(name):
                raise TooManyRequests(
                    f"Your organisation already has {self._at_once} requests of this kind at work. "
                    f"Try again in {RETRY_SECONDS} s.",
                    type="too-many-at-once",
                    retry_after=RETRY_SECONDS,
                )
            self._running[name] += 1

    def _wait(self, name: str) -> bool:
        if self._waiting[name] >= WAITING * self._at_once:
            return False
        self._waiting[name] += 1
        try:
            return self._changed.wait_for(lambda: self._has_room(name), self._wait_seconds)
        finally:
            _decrement(self._waiting, name)

    def _has_room(self, name: str) -> bool:
        return self._running[name] < self._at_once


def _decrement(counts: Counter[str], name: str) -> None:
    counts[name] -= 1
    if not counts[name]:
        del counts[name]


def expensive(endpoint: Endpoint) -> Endpoint:
    """Marks a route's function, which runs in a thread: `service.api.routing` runs it within the
    budget of the caller's organisation."""
    setattr(endpoint, EXPENSIVE, True)
    return endpoint
