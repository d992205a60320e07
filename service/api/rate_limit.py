"""Rate limits: counted in Redis in production, in memory if embedded.

While Redis is unavailable, each process counts for itself.
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
BATCHES = 100  # a rate is requested from Redis in this many parts
MAX_NAMES = 10_000


@dataclass
class _Granted:
    left: int
    until: float  # by the monotonic clock: the end of the window it was counted in


class Limit:
    """At most so many calls per period for each name; an empty rate allows everything.

    A process requests a hundredth of the rate from Redis at a time and uses it up locally, since
    asking for each call would cost every request a round trip. A grant is valid for one period, and
    lost if the process stops: per process, a caller may get a hundredth more or less than the rate.
    """

    def __init__(self, purpose: str, rate: str, redis_url: str = "") -> None:
        self._purpose = purpose
        self._item: RateLimitItem | None = parse(rate) if rate else None
        self._batch = max(1, self._item.amount // BATCHES) if self._item else 1
        self._granted: dict[str, _Granted] = {}
        self._lock = threading.Lock()
        self._local = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared = SlidingWindowCounterRateLimiter(_redis(redis_url)) if redis_url else None
        self._redis_until = 0.0  # Redis is not asked before

    def count(self, name: str) -> None:
        """Count one call. Raises TooManyRequests if it exceeds the rate."""
        if self._item is None or self._use_grant(name):
            return
        try:
            granted, reset = self._ask(self._item, name)
        except Exception as error:  # a failing Redis must not block callers
            log.warning("rate_limit_local", error=type(error).__name__)
            self._redis_until = time.monotonic() + RETRY_REDIS_SECONDS
            return self.count(name)
        if not granted:
            seconds = max(1, math.ceil(reset - time.time()))
            raise TooManyRequests(
                f"The limit is {self._item}. Try again in {seconds} s.", retry_after=seconds
            )
        self._keep(name, granted - 1, time.monotonic() + self._item.get_expiry())

    def _ask(self, item: RateLimitItem, name: str) -> tuple[int, float]:
        """How many calls are granted; if none, when the window resets."""
        limiter = self._limiter()
        for calls in dict.fromkeys((self._batch, 1)):
            if limiter.hit(item, self._purpose, name, cost=calls):
                return calls, 0.0
        return 0, limiter.get_window_stats(item, self._purpose, name).reset_time

    def _use_grant(self, name: str) -> bool:
        """Use up one granted call; False if none is left."""
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
            if len(self._granted) >= MAX_NAMES:
                self._granted.clear()
            self._granted[name] = _Granted(left, until)

    def _limiter(self) -> SlidingWindowCounterRateLimiter:
        if self._shared is None or time.monotonic() < self._redis_until:
            return self._local
        return self._shared


def _redis(url: str) -> Storage:
    return RedisStorage(url, key_prefix="labelaudit-rate", socket_timeout=1.0)
