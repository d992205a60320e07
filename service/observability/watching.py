"""One line in the log and one count in the metrics for each request."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from fastapi import Request
from structlog.contextvars import bound_contextvars

from service.observability.telemetry import PROBES

log = structlog.get_logger()

UNROUTED = "(none)"  # addresses that no route has are the caller's words: not a label


@dataclass
class Watched:
    """A request on its way, and what its answer began with once there is one."""

    started: float
    status: int = 500  # of what ends without an answer
    seconds: float | None = None

    def answered(self, status: int) -> None:
        self.status, self.seconds = status, time.perf_counter() - self.started


@contextmanager
def request(asked: Request) -> Generator[Watched]:
    """Whatever is logged inside carries the request's id."""
    watched = Watched(time.perf_counter())
    with bound_contextvars(request_id=asked.state.request_id):
        try:
            yield watched
        finally:
            if watched.seconds is None:
                watched.answered(watched.status)
            _tell(asked, watched)


def _tell(asked: Request, watched: Watched) -> None:
    route = getattr(asked.scope.get("route"), "path", UNROUTED)
    status, seconds = watched.status, watched.seconds or 0.0
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
