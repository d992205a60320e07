"""/livez, /readyz and /metrics: what probes and Prometheus ask"""

from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from service.api.dependencies import ResourcesDep, Scraper
from service.api.problems import documented
from service.observability import health

router = APIRouter(tags=["health"])


@router.get("/livez")
async def live() -> dict[str, str]:
    """The process answers; nothing else is asked."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {"description": "Not ready; `checks` says why"}})
def ready(resources: ResourcesDep, response: Response) -> dict[str, Any]:
    """The schema is the newest, the database takes writes, the storage has space. A broker that is
    away makes it `degraded`, which is ready: work starts later, and nothing is lost."""
    checks = health.look(resources.settings, resources.database, resources.storage)
    response.status_code = 503 if health.not_ready(checks) else 200
    return {"status": health.status(checks), "checks": checks}


@router.get("/metrics", response_class=Response, responses=documented())
def metrics(resources: ResourcesDep, caller: Scraper) -> Response:
    """Prometheus' text form. Work is counted in the database at each scrape."""
    return Response(resources.metrics.text(), media_type=CONTENT_TYPE_LATEST)
