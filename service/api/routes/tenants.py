"""/v1/tenants: organisations, for operators of the service."""

from typing import Any

from fastapi import APIRouter

from labelaudit.schemas import TenantCreate, TenantCreated, TenantRead
from service.accounts import tenants
from service.api.dependencies import Operator, ResourcesDep
from service.api.problems import documented
from service.db.tables import Tenant

router = APIRouter(prefix="/v1/tenants", tags=["tenants"], responses=documented())


@router.post("", status_code=201, response_model=TenantCreated, responses=documented(409))
def create_tenant(
    resources: ResourcesDep, caller: Operator, wanted: TenantCreate
) -> dict[str, Any]:
    """Create an organisation; its first admin's token is shown only in this response. Organisations
    cannot see each other's data."""
    with resources.for_every_tenant() as session:
        tenant, token = tenants.create_tenant(
            session, name=wanted.name, admin=wanted.admin, by=caller
        )
        return {**tenant.to_dict(), "token": token}


@router.get("", response_model=list[TenantRead])
def list_tenants(resources: ResourcesDep, caller: Operator) -> list[Tenant]:
    """List all organisations, oldest first."""
    with resources.for_every_tenant() as session:
        return tenants.list_tenants(session)
