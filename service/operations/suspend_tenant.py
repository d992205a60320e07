"""Suspends an organisation, or ends its suspension."""

from sqlalchemy.orm import Session

from labelaudit.enums import TenantStatus
from service.accounts import tenants
from service.core.principal import Principal
from service.db.tables import Tenant
from service.jobs import suspension


def set_status(
    session: Session, tenant_id: str, status: TenantStatus, *, by: Principal | None = None
) -> Tenant:
    """Suspend the organisation: its keys and sessions are refused, and its running jobs stop. Or
    resume it: the jobs go on."""
    tenant = tenants.set_status(session, tenant_id, status, by=by)
    if status is TenantStatus.suspended:
        session.flush()
        suspension.stop_running(session, tenant_id)
    return tenant
