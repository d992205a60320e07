"""Routes whose transaction begins and ends in the thread that runs them."""

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection


class TransactionRoute(APIRoute):
    """A route whose `session`, the caller's, is open only while the route runs.

    FastAPI closes a dependency after it has validated the response, which needs a thread of its
    pool. If all threads wait for a connection, the request that has one would wait for a thread.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, _within_transaction(endpoint), **options)


class TransactionRouter(APIRouter):
    """A router of such routes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=TransactionRoute, **options)


def _within_transaction(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    wanted = signature(endpoint).parameters
    if "session" not in wanted:
        return endpoint
    (opens,) = wanted["session"].annotation.__metadata__

    @wraps(endpoint)
    def run(connection: HTTPConnection, **given: Any) -> Any:
        with opens(connection.app.state.resources, given["caller"]) as session:
            return endpoint(session=session, **given)

    # the parameters that FastAPI provides: the session is not one of them
    others = [one for one in wanted.values() if one.name != "session"]
    asked = Parameter("connection", Parameter.KEYWORD_ONLY, annotation=HTTPConnection)
    ordered = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in others]
    run.__signature__ = Signature([*ordered, asked])  # type: ignore[attr-defined]
    return run
