"""/v1/tenants: organisations, for operators of the service."""

from typing import Any

from fastapi import APIRouter, BackgroundTasks, Response

from labelaudit.schemas import Page, TenantCreate, TenantCreated, TenantRead, TenantUpdate
from service.accounts import tenants
from service.accounts.api_keys import default_expiry
from service.api.dependencies import Operator, ResourcesDep, SettingsDep
from service.api.document import documented
from service.api.pages import Cursor, Limit, slice_of
from service.datasets.deletion import delete_files
from service.db.tables import Tenant
from service.operations import suspend_tenant
from service.operations.delete_tenant import delete_tenant as delete_all_of_tenant

router = APIRouter(prefix="/v1/tenants", tags=["tenants"], responses=documented())


@router.post("", status_code=201, response_model=TenantCreated, responses=documented(409))
def create_tenant(
    resources: ResourcesDep,
    response: Response,
    settings: SettingsDep,
    caller: Operator,
    wanted: TenantCreate,
) -> dict[str, Any]:
    """Create an organisation; its first admin's token is shown only in this response. Organisations
    cannot see each other's data."""
    with resources.for_every_tenant() as session:
        tenant, token = tenants.create_tenant(
            session,
            name=wanted.name,
            admin=wanted.admin,
            by=caller,
            expires_at=default_expiry(settings),
        )
        response.headers["Location"] = f"/v1/tenants/{tenant.id}"
        return {**tenant.to_dict(), "status": tenant.status, "token": token}


@router.get("", response_model=Page[TenantRead])
def list_tenants(
    resources: ResourcesDep, caller: Operator, cursor: Cursor = None, limit: Limit = 100
) -> dict[str, Any]:
    """List all organisations, oldest first."""
    with resources.for_every_tenant() as session:
        return slice_of(tenants.list_tenants(session), cursor, limit)


@router.get("/{tenant_id}", response_model=TenantRead)
def read_tenant(resources: ResourcesDep, caller: Operator, tenant_id: str) -> Tenant:
    """One organisation."""
    with resources.for_every_tenant() as session:
        return tenants.get_tenant(session, tenant_id)


@router.patch("/{tenant_id}", response_model=TenantRead)
def update_tenant(
    resources: ResourcesDep, caller: Operator, tenant_id: str, wanted: TenantUpdate
) -> Tenant:
    """Suspend an organisation, or end its suspension. A suspended organisation's keys and sessions
    are refused from the next request on, with 403. Its jobs do not start. Running jobs stop within
    seconds, and continue when the suspension ends. Nothing is deleted."""
    with resources.for_every_tenant() as session:
        return suspend_tenant.set_status(session, tenant_id, wanted.status, by=caller)


@router.delete("/{tenant_id}", status_code=204, responses=documented(409))
def delete_tenant(
    resources: ResourcesDep,
    background: BackgroundTasks,
    caller: Operator,
    tenant_id: str,
) -> None:
    """Delete a suspended organisation with its datasets, audits, corrections, exports and keys. The
    access log is kept. This cannot be undone."""
    with resources.for_every_tenant() as session:
        deleted = delete_all_of_tenant(session, tenant_id, by=caller)
    background.add_task(delete_files, resources.database, resources.storage, deleted)
