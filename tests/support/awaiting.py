"""Runs coroutines in tests that are not coroutines themselves."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")


def awaited(action: Coroutine[Any, Any, Result]) -> Result:
    """The result. In a thread: a browser that is open in this process has an event loop here."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, action).result()
