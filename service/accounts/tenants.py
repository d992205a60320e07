"""Organisations (tenants). Each starts with the key of its first admin.

These need a session without a caller: a caller's session is limited to their own tenant. What an
operator does is in their own log, and in the organisation's.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from labelaudit.enums import Role, TenantStatus
from service.accounts import access_log, api_keys
from service.core.errors import Conflict
from service.core.principal import Principal
from service.db.lookup import get_row
from service.db.tables import Tenant, new_id, now


def create_tenant(
    session: Session,
    *,
    name: str,
    admin: str,
    by: Principal | None = None,
    expires_at: datetime | None = None,
) -> tuple[Tenant, str]:
    """Create an organisation; returns it and its first admin's token, shown only once."""
    tenant = Tenant(id=new_id("te"), name=name)
    session.add(tenant)
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(f"An organisation named {name!r} already exists.") from error
    _, token = api_keys.create_key(
        session, name=admin, role=Role.admin, tenant_id=tenant.id, expires_at=expires_at
    )
    access_log.record(session, "tenant.create", tenant.id, by=by, name=name)
    return tenant, token


def list_tenants(session: Session) -> list[Tenant]:
    return list(session.scalars(select(Tenant).order_by(Tenant.created_at, Tenant.id)))


def get_tenant(session: Session, tenant_id: str, *, lock: bool = False) -> Tenant:
    return get_row(session, Tenant, tenant_id, "organisation", lock=lock)


def set_status(
    session: Session, tenant_id: str, status: TenantStatus, *, by: Principal | None = None
) -> Tenant:
    """Suspend an organisation, or end its suspension. While it is suspended, its keys and sessions
    are refused from the next request on, and none of its jobs starts; nothing is deleted."""
    tenant = get_tenant(session, tenant_id, lock=True)
    if tenant.status is not status:
        suspended = status is TenantStatus.suspended
        tenant.suspended_at = now() if suspended else None
        action = "tenant.suspend" if suspended else "tenant.resume"
        for log in {tenant.id, by.tenant_id if by else tenant.id}:
            access_log.record(session, action, tenant.id, by=by, tenant_id=log, name=tenant.name)
    return tenant
