"""Where a route's transaction begins and ends: in the thread that runs the route."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute


class TransactionRoute(APIRoute):
    """A route whose `session`, the caller's, is open only while the route runs.

    FastAPI closes what a dependency opened when the answer has been checked, which takes a thread
    of its pool. Where all threads wait for a connection, the one who has it would wait for them.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, _within_transaction(endpoint), **options)


class TransactionRouter(APIRouter):
    """A router of such routes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=TransactionRoute, **options)


def _within_transaction(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    if "session" not in endpoint.__annotations__:
        return endpoint

    @wraps(endpoint)
    def run(**given: Any) -> Any:
        opens = given.pop("session")
        with opens(given["caller"]) as session:
            return endpoint(session=session, **given)

    return run
