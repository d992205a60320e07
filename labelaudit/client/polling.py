"""Asks again and again until what was started is finished."""

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


def poll(
    read: Callable[[], Answer],
    is_finished: Callable[[Answer], bool],
    *,
    interval: float,
    timeout: float | None = None,
    subject: str = "The job",
) -> Answer:
    """The first answer that is finished. Raises TimeoutError after `timeout` seconds."""
    deadline = time.monotonic() + timeout if timeout is not None else float("inf")
    while not is_finished(answer := read()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{subject} did not finish within {timeout} s.")
        time.sleep(interval)
    return answer
