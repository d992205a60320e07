"""Requests to the API: authorised, tried again where that is safe, with problems as exceptions."""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx

from labelaudit.client.errors import ApiError, NoService
from labelaudit.client.session_file import Address

PAUSES = (0.2, 0.5)  # before each new attempt
PATIENT_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)  # longer than a restart of the service takes
BUSY = (502, 503, 504)


def once() -> dict[str, str]:
    """A header by which the service does a request once, however often it is sent."""
    return {"Idempotency-Key": uuid4().hex}


class Transport:
    """`request` tries again what may be repeated: a GET, or anything with an Idempotency-Key."""

    def __init__(self, address: Address, *, timeout: float) -> None:
        self.address = address
        self._http = httpx.Client(
            base_url=address.url,
            headers={"Authorization": f"Bearer {address.token}"},
            timeout=httpx.Timeout(timeout, connect=5.0),
        )

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        return self.request("GET", path, params=_given(params)).json()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer. Raises ApiError if it is a problem, NoService if there is none."""
        keyed = "Idempotency-Key" in (options.get("headers") or {})
        pauses: Sequence[float] = PATIENT_PAUSES if keyed else PAUSES if method == "GET" else ()
        for pause in (*pauses, None):
            try:
                response = self._http.request(method, path, **options)
            except httpx.TransportError as error:
                if pause is None:
                    raise self._unreachable(error) from error
            else:
                if pause is None or response.status_code not in BUSY:
                    return checked(response)
            time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    @contextmanager
    def stream(self, method: str, path: str, **options: Any) -> Generator[httpx.Response]:
        """An answer that is read piece by piece. Raises ApiError, NoService."""
        try:
            with self._http.stream(method, path, **options) as response:
                if response.is_error:
                    response.read()
                yield checked(response)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def pages(self, path: str, *, limit: int | None, page: int, **params: Any) -> Iterator[Any]:
        """The items of a list, page after page, `limit` of them at most."""
        cursor, left = None, limit
        while left is None or left > 0:
            size = page if left is None else min(page, left)
            answer = self.get(path, cursor=cursor, limit=size, **params)
            yield from answer["items"]
            left = None if left is None else left - len(answer["items"])
            cursor = answer["next_cursor"]
            if cursor is None:
                return

    def _unreachable(self, error: httpx.TransportError) -> NoService:
        if isinstance(error, httpx.ConnectError):
            return NoService(
                f"No labelaudit service answers at {self.address.url}. "
                "Start one with `labelaudit serve`."
            )
        return NoService(
            f"The connection to {self.address.url} broke ({type(error).__name__}: {error})."
        )


def checked(response: httpx.Response) -> httpx.Response:
    """The response, unless it is a problem: then ApiError."""
    if not response.is_error:
        return response
    try:
        problem = dict(response.json())
    except ValueError:  # not from this service: a proxy, or another program on the port
        problem = {"title": response.reason_phrase, "detail": response.text[:500]}
    raise ApiError({"status": response.status_code, **problem})


def _given(params: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}
