"""One line in the log and one count in the metrics for each request."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from fastapi import Request, Response
from structlog.contextvars import bound_contextvars

from service.telemetry import PROBES

log = structlog.get_logger()

UNROUTED = "(none)"  # addresses that no route has are the caller's words: not a label


@dataclass
class Watched:
    """A request on its way, and its answer once there is one."""

    response: Response | None = None


@contextmanager
def request(asked: Request) -> Generator[Watched]:
    """Whatever is logged inside carries the request's id."""
    watched, started = Watched(), time.perf_counter()
    with bound_contextvars(request_id=asked.state.request_id):
        try:
            yield watched
        finally:
            _tell(asked, watched.response, time.perf_counter() - started)


def _tell(asked: Request, response: Response | None, seconds: float) -> None:
    route = getattr(asked.scope.get("route"), "path", UNROUTED)
    status = response.status_code if response else 500
    metrics = asked.app.state.resources.metrics
    metrics.requests.labels(asked.method, route, str(status)).observe(seconds)
    if route in PROBES:
        return
    log.info(
        "request",
        method=asked.method,
        route=route,
        status=status,
        milliseconds=round(1000 * seconds, 1),
        **{name: value for name, value in asked.path_params.items() if name.endswith("_id")},
    )
