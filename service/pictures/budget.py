"""Who may decode next: so many pictures at once, so many bytes of memory, a share for everybody."""

import asyncio
import math
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from service.core.errors import TooManyRequests, Unavailable

RETRY_SECONDS = 2


@dataclass(eq=False)
class _Waiter:
    organisation: str
    bytes: int
    arrival: int
    admitted: asyncio.Event = field(default_factory=asyncio.Event)


class Budget:
    """Admits decodings of one event loop.

    At most `slots` run at once, and those that need more than `free_bytes` hold at most
    `total_bytes` together. One organisation never has all slots, and the one that has the fewest,
    and was served the longest ago, comes first. Who waits longer than `seconds` gets a 503; who has
    `waiting` others of its organisation before it, a 429.
    """

    def __init__(
        self, *, slots: int, total_bytes: int, free_bytes: int, waiting: int, seconds: float
    ) -> None:
        self.slots, self.total_bytes, self.free_bytes = slots, total_bytes, free_bytes
        self.waiting, self.seconds = waiting, seconds
        self._share = max(1, slots - 1)
        self._waiters: list[_Waiter] = []
        self._running: Counter[str] = Counter()
        self._held_bytes = 0
        self._served: dict[str, int] = {}  # when an organisation was last served, as a count
        self._count = 0

    def deadline(self) -> float:
        """Until when somebody who comes now may wait."""
        return asyncio.get_running_loop().time() + self.seconds

    @property
    def running(self) -> int:
        return self._running.total()

    @property
    def held_bytes(self) -> int:
        return self._held_bytes

    @asynccontextmanager
    async def admitted(
        self, organisation: str, needed: int, *, until: float
    ) -> AsyncGenerator[None]:
        """Wait for a slot and `needed` bytes, until `deadline()` at most. Raises TooManyRequests
        or Unavailable."""
        waiter = self._enter(organisation, needed)
        try:
            async with asyncio.timeout_at(until):
                await waiter.admitted.wait()
        except BaseException as error:
            self._leave(waiter)
            if isinstance(error, TimeoutError):
                raise Unavailable(
                    f"No picture could be decoded for you within {self.seconds:g} s, because "
                    "many were asked for. Ask for it again.",
                    type="pictures-busy",
                    retry_after=RETRY_SECONDS,
                ) from None
            raise
        try:
            yield
        finally:
            self._release(waiter)

    def _enter(self, organisation: str, needed: int) -> _Waiter:
        before = sum(one.organisation == organisation for one in self._waiters)
        if before >= self.waiting:
            raise TooManyRequests(
                f"{before} pictures of your organisation already wait to be decoded. Ask for "
                "fewer at once.",
                type="too-many-pictures",
                retry_after=RETRY_SECONDS,
            )
        self._count += 1
        large = needed if needed > self.free_bytes else 0
        waiter = _Waiter(organisation, large, self._count)
        self._waiters.append(waiter)
        self._admit()
        return waiter

    def _leave(self, waiter: _Waiter) -> None:
        if waiter.admitted.is_set():  # admitted in the moment in which it gave up
            self._release(waiter)
        else:
            self._waiters.remove(waiter)
            self._admit()

    def _release(self, waiter: _Waiter) -> None:
        self._held_bytes -= waiter.bytes
        self._running[waiter.organisation] -= 1
        if not self._running[waiter.organisation]:
            del self._running[waiter.organisation]
        self._admit()

    def _admit(self) -> None:
        while (waiter := self._next()) is not None:
            self._waiters.remove(waiter)
            self._running[waiter.organisation] += 1
            self._held_bytes += waiter.bytes
            self._count += 1
            self._served[waiter.organisation] = self._count
            waiter.admitted.set()
        if not self._waiters:  # nobody's turn depends on the past
            self._served = {one: self._served[one] for one in self._running}

    def _next(self) -> _Waiter | None:
        if self.running >= self.slots:
            return None
        room: float = self.total_bytes - self._held_bytes
        for waiter in sorted(self._waiters, key=self._turn):
            if self._running[waiter.organisation] >= self._share:
                continue
            if waiter.bytes <= room:
                return waiter
            # those behind a large picture must not take the memory that it waits for
            room = 0 if waiter.bytes <= self.total_bytes else room
        return None

    def _turn(self, waiter: _Waiter) -> tuple[float, ...]:
        name = waiter.organisation
        return self._running[name], self._served.get(name, -math.inf), waiter.arrival
