"""Logs each request and counts it in the metrics."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from fastapi import Request
from structlog.contextvars import bound_contextvars

from service.observability.telemetry import PROBES

log = structlog.get_logger()

UNROUTED = "(none)"  # paths without a route are user input, never a label


@dataclass
class RequestLog:
    """A request in progress, and its response's status once it has started."""

    started: float
    status: int = 500  # if it ends without a response
    seconds: float | None = None

    def responded(self, status: int) -> None:
        self.status, self.seconds = status, time.perf_counter() - self.started


@contextmanager
def log_request(request: Request) -> Generator[RequestLog]:
    """Log the request when the block ends. Everything logged inside has the request's id."""
    entry = RequestLog(time.perf_counter())
    with bound_contextvars(request_id=request.state.request_id):
        try:
            yield entry
        finally:
            if entry.seconds is None:
                entry.responded(entry.status)
            _log(request, entry)


def _log(request: Request, entry: RequestLog) -> None:
    route = getattr(request.scope.get("route"), "path", UNROUTED)
    status, seconds = entry.status, entry.seconds or 0.0
    metrics = request.app.state.resources.metrics
    metrics.requests.labels(request.method, route, str(status)).observe(seconds)
    if route in PROBES:
        return
    log.info(
        "request",
        method=request.method,
        route=route,
        status=status,
        milliseconds=round(1000 * seconds, 1),
        **{name: value for name, value in request.path_params.items() if name.endswith("_id")},
    )
