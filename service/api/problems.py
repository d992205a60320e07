"""Renders every error as RFC 9457 `application/problem+json`."""

import math
import re
import sqlite3
from collections.abc import Sequence
from typing import Any

import orjson
import psycopg
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from service.core.disk_full import is_disk_full
from service.core.errors import InsufficientStorage, NotAuthenticated, ServiceError
from service.web.routes import shell

log = structlog.get_logger()

DISK_FULL_RETRY_SECONDS = 10
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
TITLES = {
    404: ("Not found", "not-found"),
    405: ("Method not allowed", "method-not-allowed"),
    408: ("Request timeout", "body-stalled"),
    413: ("Content too large", "upload-too-large"),
    416: ("Range not satisfiable", "range-not-satisfiable"),
}


def _is_mistyped_address(request: Request) -> bool:
    """Whether a person looks for a page, and not a program for data."""
    accepts = request.headers.get("accept", "")
    is_page = request.method == "GET" and not request.url.path.startswith("/v1/")
    return is_page and "text/html" in accepts


def problem(
    request: Request, body: dict[str, Any], headers: dict[str, str] | None = None
) -> Response:
    request_id = request.state.request_id
    request.app.state.resources.metrics.problems.labels(body["type"]).inc()
    body = {**body, "instance": request.url.path, "request_id": request_id}
    return Response(
        orjson.dumps(_printable(body), default=str),
        status_code=body["status"],
        media_type="application/problem+json",
        # the handler of unexpected errors runs outside the middleware that sets this
        headers={"X-Request-ID": request_id, **(headers or {})},
    )


def install(app: FastAPI) -> None:
    @app.exception_handler(ServiceError)
    def service_error(request: Request, error: ServiceError) -> Response:
        headers = {}
        if isinstance(error, NotAuthenticated):
            headers["WWW-Authenticate"] = "Bearer"
        if error.retry_after is not None:
            headers["Retry-After"] = str(error.retry_after)
        return problem(request, error.problem(), headers)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        syntax = any(item["type"] == "json_invalid" for item in error.errors())
        errors = [_field_error(item) for item in error.errors()[:20]]
        first = errors[0]
        return problem(
            request,
            {
                "type": "/problems/json-invalid" if syntax else "/problems/invalid-request",
                "title": "Unreadable JSON" if syntax else "Invalid request",
                "status": 400 if syntax else 422,
                "detail": f"{_place(first)}: {first['detail']}",
                "errors": errors,
            },
        )

    @app.exception_handler(HTTPException)
    def http_error(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404 and _is_mistyped_address(request):
            return shell(request, 404)
        title, slug = TITLES.get(error.status_code, (str(error.detail), "http-error"))
        body = {
            "type": f"/problems/{slug}",
            "title": title,
            "status": error.status_code,
            "detail": f"{request.method} {request.url.path}: {error.detail}",
        }
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(_allowed_methods(request))
        return problem(request, body, headers)

    @app.exception_handler(ClientDisconnect)
    def client_disconnected(request: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=499)  # the client is gone

    @app.exception_handler(OSError)
    def os_error(request: Request, error: OSError) -> Response:
        if not is_disk_full(error):
            raise error
        return disk_full(request, error)

    def disk_full(request: Request, error: Exception) -> Response:
        log.error("disk_full", error=str(error))
        answer = InsufficientStorage(
            "The server's disk is full, and the request was rolled back. Free some space, then "
            "retry."
        )
        return problem(request, answer.problem(), {"Retry-After": str(DISK_FULL_RETRY_SECONDS)})

    @app.exception_handler(OperationalError)
    @app.exception_handler(InterfaceError)
    @app.exception_handler(PoolTimeout)
    def database_unavailable(request: Request, error: SQLAlchemyError) -> Response:
        if is_disk_full(error):
            return disk_full(request, error)
        busy = isinstance(error, PoolTimeout) or _is_busy(error)
        slug, reason = (
            ("busy", "The database is busy with other requests")
            if busy
            else ("unavailable", "The database did not answer")
        )
        log.error(f"database_{slug}", error=str(getattr(error, "orig", error)))
        body = {
            "type": f"/problems/database-{slug}",
            "title": f"Database {slug}",
            "status": 503,
            "detail": f"{reason}. Nothing was changed; send the request again.",
        }
        return problem(request, body, {"Retry-After": "2"})

    @app.exception_handler(DBAPIError)
    def value_refused(request: Request, error: DBAPIError) -> Response:
        if error.connection_invalidated:
            return database_unavailable(request, error)
        log.warning("database_rejected_value", error=str(error.orig))
        body = {
            "type": "/problems/value-out-of-range",
            "title": "Value out of range",
            "status": 422,
            "detail": "The database rejected a value in this request.",
        }
        return problem(request, body)

    @app.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> Response:
        log.error("unexpected_error", exc_info=error, path=request.url.path)
        body = ServiceError(
            "Something went wrong on our side. The log has the details under this request_id."
        ).problem()
        return problem(request, body)


def _allowed_methods(request: Request) -> list[str]:
    """The methods that the path of the request supports."""
    return [method for method in METHODS if _is_served(request, method)]


def _is_served(request: Request, method: str) -> bool:
    asked = {**request.scope, "method": method}
    return any(route.matches(asked)[0] is Match.FULL for route in request.app.routes)


def _is_busy(error: SQLAlchemyError) -> bool:
    """Whether the error is a lock held by another transaction."""
    original = getattr(error, "orig", None)
    if isinstance(original, sqlite3.OperationalError):
        return getattr(original, "sqlite_errorcode", 0) & 0xFF in (
            sqlite3.SQLITE_BUSY,
            sqlite3.SQLITE_LOCKED,
        )
    return isinstance(original, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected)


def _field_error(item: dict[str, Any]) -> dict[str, str]:
    source, *rest = [str(part) for part in item["loc"]] or ["request"]
    detail = re.sub(r"^Value error, ", "", item["msg"])
    match source:
        case "query" | "path":
            return {"parameter": ".".join(rest), "detail": detail}
        case "header" | "cookie":
            return {source: ".".join(rest), "detail": detail}
        case _:
            return {"pointer": _json_pointer(rest), "detail": detail}


def _json_pointer(parts: Sequence[str]) -> str:
    """RFC 6901; empty for the whole body."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def _place(error: dict[str, str]) -> str:
    """Where the error is, as the summary names it."""
    (kind, name), *_ = error.items()
    return f"{kind} {name}" if kind != "pointer" else name or "the body"


def _printable(value: Any) -> Any:
    """Replaces what JSON cannot represent: lone surrogates, NaN, huge integers."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case bool():
            return value
        case int() if abs(value) >= 2**63:
            return str(value)
        case float() if not math.isfinite(value):
            return str(value)
        case dict():
            return {_printable(key): _printable(item) for key, item in value.items()}
        case list() | tuple():
            return [_printable(item) for item in value]
        case _:
            return value
