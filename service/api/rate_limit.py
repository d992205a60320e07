"""How often one may call: counted in Redis in production, in memory where embedded.

Redis is no truth here either: while it is away each process counts for itself.
"""

import math
import threading
import time
from dataclasses import dataclass

import structlog
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import SlidingWindowCounterRateLimiter

from service.core.errors import TooManyRequests

log = structlog.get_logger()

RETRY_REDIS_SECONDS = 5.0
SHARES = 100  # of a rate; one of them is asked for at a time
KEPT_NAMES = 10_000


@dataclass
class _Granted:
    left: int
    until: float  # by the monotonic clock; then the time that it was counted in is over


class Limit:
    """So many calls in so long for each name; an empty rate lets everything through.

    Redis is asked for a hundredth of the rate at a time, and what it granted is used up here: to
    ask for each call would cost every request a turn to Redis. What was granted may be used for as
    long as the rate's time, and a process that stops forgets it: for each process a caller may be
    let do a hundredth more or less than the rate.
    """

    def __init__(self, purpose: str, rate: str, redis_url: str = "") -> None:
        self._purpose = purpose
        self._item: RateLimitItem | None = parse(rate) if rate else None
        self._share = max(1, self._item.amount // SHARES) if self._item else 1
        self._granted: dict[str, _Granted] = {}
        self._lock = threading.Lock()
        self._alone = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._together = SlidingWindowCounterRateLimiter(_redis(redis_url)) if redis_url else None
        self._redis_until = 0.0  # not asked again before

    def count(self, name: str) -> None:
        """Raises TooManyRequests for one call too many."""
        if self._item is None or self._takes(name):
            return
        try:
            granted, reset = self._ask(self._item, name)
        except Exception as error:  # whatever Redis says, it must not stand in anybody's way
            log.warning("rate_limit_alone", error=type(error).__name__)
            self._redis_until = time.monotonic() + RETRY_REDIS_SECONDS
            return self.count(name)
        if not granted:
            seconds = max(1, math.ceil(reset - time.time()))
            raise TooManyRequests(
                f"More than {self._item}; try again in {seconds} s.", retry_after=seconds
            )
        self._keep(name, granted - 1, time.monotonic() + self._item.get_expiry())

    def _ask(self, item: RateLimitItem, name: str) -> tuple[int, float]:
        """How many calls are granted, and where there are none the time when there are some."""
        limiter = self._limiter()
        for calls in dict.fromkeys((self._share, 1)):
            if limiter.hit(item, self._purpose, name, cost=calls):
                return calls, 0.0
        return 0, limiter.get_window_stats(item, self._purpose, name).reset_time

    def _takes(self, name: str) -> bool:
        """Whether one of the calls that were granted is left."""
        with self._lock:
            granted = self._granted.get(name)
            if granted is None or granted.left == 0 or granted.until < time.monotonic():
                return False
            granted.left -= 1
            return True

    def _keep(self, name: str, left: int, until: float) -> None:
        if left == 0:
            return
        with self._lock:
            if len(self._granted) >= KEPT_NAMES:
                self._granted.clear()
            self._granted[name] = _Granted(left, until)

    def _limiter(self) -> SlidingWindowCounterRateLimiter:
        if self._together is None or time.monotonic() < self._redis_until:
            return self._alone
        return self._together


def _redis(url: str) -> Storage:
    return RedisStorage(url, key_prefix="labelaudit-rate", socket_timeout=1.0)
