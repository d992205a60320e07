"""Requests to the API: authenticated, retried where that is safe, problems raised as exceptions."""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import uuid4

import httpx
from pydantic import BaseModel

from labelaudit.client.errors import ApiError, ServiceUnreachableError
from labelaudit.client.session_file import Address

RETRY_DELAYS = (0.2, 0.5)  # before each new attempt
KEYED_RETRY_DELAYS = (0.2, 0.5, 1.0, 2.0, 4.0)  # longer than a restart of the service takes
UNAVAILABLE = (502, 503, 504)


def idempotency_key() -> dict[str, str]:
    """A header that makes the service execute a request once, however often it is sent."""
    return {"Idempotency-Key": uuid4().hex}


PAGE = 500

Model = TypeVar("Model", bound=BaseModel)


class Transport:
    """Retries requests that may be repeated: GET, and any with an Idempotency-Key."""

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
        return self.request("GET", path, params=_without_none(params)).json()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The response. Raises ApiError for a problem, ServiceUnreachableError for no response."""
        keyed = "Idempotency-Key" in (options.get("headers") or {})
        delays: Sequence[float] = (
            KEYED_RETRY_DELAYS if keyed else RETRY_DELAYS if method == "GET" else ()
        )
        for delay in (*delays, None):
            try:
                response = self._http.request(method, path, **options)
            except httpx.TransportError as error:
                if delay is None:
                    raise self._unreachable(error) from error
            else:
                if delay is None or response.status_code not in UNAVAILABLE:
                    return checked(response)
            time.sleep(delay)
        raise AssertionError("the last attempt returns or raises")

    @contextmanager
    def stream(self, method: str, path: str, **options: Any) -> Generator[httpx.Response]:
        """A response to be read in pieces. Raises ApiError, ServiceUnreachableError."""
        try:
            with self._http.stream(method, path, **options) as response:
                if response.is_error:
                    response.read()
                yield checked(response)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def pages(self, path: str, *, limit: int | None, page: int, **params: Any) -> Iterator[Any]:
        """The items of a paginated list, at most `limit`."""
        cursor, left = None, limit
        while left is None or left > 0:
            size = page if left is None else min(page, left)
            answer = self.get(path, cursor=cursor, limit=size, **params)
            yield from answer["items"]
            left = None if left is None else left - len(answer["items"])
            cursor = answer["next_cursor"]
            if cursor is None:
                return

    def all(self, path: str, model: type[Model], **params: Any) -> list[Model]:
        """Every item of a paginated list."""
        found = self.pages(path, limit=None, page=PAGE, **params)
        return [model.model_validate(item) for item in found]

    def _unreachable(self, error: httpx.TransportError) -> ServiceUnreachableError:
        if isinstance(error, httpx.ConnectError):
            return ServiceUnreachableError(
                f"No labelaudit service answers at {self.address.url}. "
                "Start one with `labelaudit serve`."
            )
        return ServiceUnreachableError(
            f"The connection to {self.address.url} broke ({type(error).__name__}: {error})."
        )


def checked(response: httpx.Response) -> httpx.Response:
    """The response. Raises ApiError if it is a problem."""
    if not response.is_error:
        return response
    try:
        problem = dict(response.json())
    except ValueError:  # not from this service: a proxy, or another program on the port
        problem = {"title": response.reason_phrase, "detail": response.text[:500]}
    raise ApiError({"status": response.status_code, **problem})


def _without_none(params: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}
