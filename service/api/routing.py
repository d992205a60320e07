"""Routes whose transaction begins and ends in the thread that runs them, and those that run within
a budget."""

from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection

from service.api.budget import EXPENSIVE
from service.api.upload_bodies import refuse_envelopes


class TransactionRoute(APIRoute):
    """A route whose `session`, the caller's, is open only while the route runs.

    FastAPI closes a dependency after it has validated the response, which needs a thread of its
    pool. If all threads wait for a connection, the request that has one would wait for a thread.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, _within(endpoint), **options)


class TransactionRouter(APIRouter):
    """A router of such routes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=TransactionRoute, **options)


class JsonRoute(APIRoute):
    """A route that reads JSON and says where a file belongs, before it reads the body of one."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def refuse_or_handle(request: Request) -> Response:
            if self.body_field is not None:
                refuse_envelopes(request)
            return await handle(request)

        return refuse_or_handle


def _within(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """The endpoint, run in its budget if it is expensive, and in a transaction if it asks for a
    session. A request that waits for its budget holds no connection."""
    wanted = signature(endpoint).parameters
    expensive = hasattr(endpoint, EXPENSIVE)
    if "session" not in wanted and not expensive:
        return endpoint

    @wraps(endpoint)
    def run(connection: HTTPConnection, **given: Any) -> Any:
        resources, caller = connection.app.state.resources, given["caller"]
        with ExitStack() as held:
            if expensive:
                held.enter_context(resources.budget.spend(caller.tenant_id))
            if "session" in wanted:
                (opens,) = wanted["session"].annotation.__metadata__
                given["session"] = held.enter_context(opens(resources, caller))
            return endpoint(**given)

    # the parameters that FastAPI provides: the session is not one of them
    others = [one for one in wanted.values() if one.name != "session"]
    asked = Parameter("connection", Parameter.KEYWORD_ONLY, annotation=HTTPConnection)
    ordered = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in others]
    run.__signature__ = Signature([*ordered, asked])  # type: ignore[attr-defined]
    return run
