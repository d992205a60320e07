"""How long an upload keeps trying while the service or the connection is down."""

import time
from collections.abc import Callable
from typing import TypeVar

from labelaudit.client.errors import ApiError, ServiceUnreachableError

DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0)  # before each retry, while nothing more arrives
RETRYABLE = (408, 429, 502, 503, 504)

Answer = TypeVar("Answer")


def with_retries(send: Callable[[], Answer]) -> Answer:
    """The answer to an idempotent request, retried while the service is unavailable."""
    for delay in DELAYS:
        try:
            return send()
        except ServiceUnreachableError:
            pass
        except ApiError as error:
            if error.status not in RETRYABLE:
                raise
        time.sleep(delay)
    return send()
