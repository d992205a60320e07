"""How often one may call: counted in Redis in production, in memory where embedded.

Redis is no truth here either: while it is away each process counts for itself.
"""

import math
import time

import structlog
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import SlidingWindowCounterRateLimiter

from service.errors import TooManyRequests

log = structlog.get_logger()

RETRY_REDIS_SECONDS = 5.0


class Limit:
    """So many calls in so long for each name; an empty rate lets everything through."""

    def __init__(self, purpose: str, rate: str, redis_url: str = "") -> None:
        self._purpose = purpose
        self._item: RateLimitItem | None = parse(rate) if rate else None
        self._alone = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._together = SlidingWindowCounterRateLimiter(_redis(redis_url)) if redis_url else None
        self._redis_until = 0.0  # not asked again before

    def count(self, name: str) -> None:
        """Raises TooManyRequests for one call too many."""
        if self._item is None:
            return
        limiter = self._limiter()
        try:
            allowed = limiter.hit(self._item, self._purpose, name)
            reset = (
                0.0
                if allowed
                else limiter.get_window_stats(self._item, self._purpose, name).reset_time
            )
        except Exception as error:  # whatever Redis says, it must not stand in anybody's way
            log.warning("rate_limit_alone", error=type(error).__name__)
            self._redis_until = time.monotonic() + RETRY_REDIS_SECONDS
            return self.count(name)
        if not allowed:
            seconds = max(1, math.ceil(reset - time.time()))
            raise TooManyRequests(
                f"More than {self._item}; try again in {seconds} s.", retry_after=seconds
            )

    def _limiter(self) -> SlidingWindowCounterRateLimiter:
        if self._together is None or time.monotonic() < self._redis_until:
            return self._alone
        return self._together


def _redis(url: str) -> Storage:
    return RedisStorage(url, key_prefix="labelaudit-rate", socket_timeout=1.0)
