"""/livez, /readyz and /metrics, for probes and Prometheus."""

from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from service.api.dependencies import ResourcesDep, Scraper
from service.api.document import Responses, documented, documented_publicly, produces
from service.observability import health

router = APIRouter(tags=["health"])

NOT_READY: Responses = {503: {"description": "Not ready; `checks` says why"}}
METRICS = produces("text/plain", description="The metrics.")


@router.get("/livez", responses=documented_publicly())
async def live() -> dict[str, str]:
    """The process is alive; nothing else is checked."""
    return {"status": "alive"}


@router.get(
    "/readyz",
    responses={503: {"description": "Not ready; `checks` says why"}, **documented_publicly()},
)
def ready(resources: ResourcesDep, response: Response) -> dict[str, Any]:
    """Checks that the schema is current, the database accepts writes and the storage has space. If
    only the broker is unavailable, or uploads cannot be read without a network, the status is
    `degraded`, which still means ready. `reader` says how a process that reads an upload is
    confined. `namespace` and `filter` cut it off from the network; otherwise the network is
    `available`. It runs as another user, or as the service's `own`."""
    checks = health.check(resources.settings, resources.database, resources.storage)
    response.status_code = 503 if health.not_ready(checks) else 200
    return {"status": health.status(checks), "checks": checks, "reader": health.reader()}


@router.get("/metrics", response_class=Response, responses={**METRICS, **documented()})
def metrics(resources: ResourcesDep, caller: Scraper) -> Response:
    """Metrics in Prometheus' text format, read from the database at each scrape."""
    return Response(resources.metrics.text(), media_type=CONTENT_TYPE_LATEST)
