"""What a caller is told of a body that is larger than its route takes."""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import problem
from service.api.upload_bodies import refuse_envelopes
from service.core.errors import ServiceError, UploadTooLarge


class TooLargeIsAProblem:
    """Middleware: the framework refuses such bodies with a plain text, which becomes a problem."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_replaced = False

        async def send_problem(message: Message) -> None:
            nonlocal is_replaced
            if message["type"] == "http.response.start" and _is_plain_413(message):
                is_replaced = True
                request = Request(scope)
                answer = problem(request, _refusal(request).problem())
                await answer(scope, receive, send)
            elif not is_replaced:
                await send(message)

        await self._app(scope, receive, send_problem)


def _is_plain_413(message: Message) -> bool:
    kind = Headers(raw=message["headers"]).get("content-type", "")
    return message["status"] == 413 and kind.startswith("text/plain")


def _refusal(request: Request) -> ServiceError:
    try:
        refuse_envelopes(request)
    except ServiceError as error:
        return error
    return UploadTooLarge(
        f"The body of {request.method} {request.url.path} is larger than this operation takes."
    )
