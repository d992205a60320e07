"""Ends requests whose body no longer arrives, so that they hold nothing: no upload, no space, no
memory."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PROGRESS_BYTES = 16 * 2**10  # fewer in one period are no progress
BODY_HEADERS = (b"content-length", b"transfer-encoding")


class BodyStalled(HTTPException):
    """An `HTTPException`: FastAPI turns any other error of a body that it parses into a 400."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            408,
            f"The body made no progress: fewer than {PROGRESS_BYTES} bytes arrived in "
            f"{seconds:g} s. Send the request again; a resumable upload goes on where it stopped.",
            {"Connection": "close"},
        )


class BodyDeadline:
    """Middleware: in every `seconds` that a request waits for its body, the body must end or bring
    `PROGRESS_BYTES`. The request's own work does not count."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and any(name in BODY_HEADERS for name, _ in scope["headers"]):
            receive = _Body(receive, self._seconds).receive
        await self._app(scope, receive, send)


class _Body:
    """One request's body."""

    def __init__(self, receive: Receive, seconds: float) -> None:
        self._receive, self._seconds = receive, seconds
        self._arrived, self._left = 0, seconds
        self._is_complete = False

    async def receive(self) -> Message:
        if self._is_complete:  # whoever waits now waits for the caller to go away
            return await self._receive()
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with asyncio.timeout(self._left):
                message = await self._receive()
        except TimeoutError:
            raise BodyStalled(self._seconds) from None
        self._left -= clock() - began
        self._arrived += len(message.get("body", b""))
        if self._arrived >= PROGRESS_BYTES:
            self._arrived, self._left = 0, self._seconds
        self._is_complete = not message.get("more_body", False)
        return message
