"""/livez, /readyz and /metrics, for probes and Prometheus."""

from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from service.api.dependencies import ResourcesDep, Scraper
from service.api.problems import documented
from service.observability import health

router = APIRouter(tags=["health"])


@router.get("/livez")
async def live() -> dict[str, str]:
    """The process is alive; nothing else is checked."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {"description": "Not ready; `checks` says why"}})
def ready(resources: ResourcesDep, response: Response) -> dict[str, Any]:
    """Checks that the schema is current, the database accepts writes and the storage has space. If
    only the broker is unavailable, the status is `degraded`, which still means ready."""
    checks = health.check(resources.settings, resources.database, resources.storage)
    response.status_code = 503 if health.not_ready(checks) else 200
    return {"status": health.status(checks), "checks": checks}


@router.get("/metrics", response_class=Response, responses=documented())
def metrics(resources: ResourcesDep, caller: Scraper) -> Response:
    """Metrics in Prometheus' text format, read from the database at each scrape."""
    return Response(resources.metrics.text(), media_type=CONTENT_TYPE_LATEST)
