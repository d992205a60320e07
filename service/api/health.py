"""/livez and /readyz"""

from typing import Any

from fastapi import APIRouter, Response
from sqlalchemy import text

from service.api.dependencies import ResourcesDep

router = APIRouter(tags=["health"])


@router.get("/livez")
def live() -> dict[str, str]:
    """The process answers; nothing else is asked."""
    return {"status": "alive"}


@router.get("/readyz")
def ready(resources: ResourcesDep, response: Response) -> dict[str, Any]:
    """The database answers and the storage can be written."""
    checks: dict[str, str] = {}
    try:
        with resources.database.read() as session:
            session.execute(text("SELECT version_num FROM alembic_version"))
        checks["database"] = "ok"
    except Exception as error:  # whatever it is, the answer is "not ready", with the reason
        checks["database"] = type(error).__name__
    try:
        resources.storage.require_space()
        checks["storage"] = "ok"
    except Exception as error:
        checks["storage"] = type(error).__name__
    ok = all(check == "ok" for check in checks.values())
    response.status_code = 200 if ok else 503
    return {"status": "ready" if ok else "not ready", "checks": checks}
