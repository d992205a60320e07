"""Organisations (tenants). Each starts with the key of its first admin.

Creating one needs a session without a caller: a caller's session is limited to their own tenant.
"""

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from labelaudit.enums import Role
from service.accounts import access_log, api_keys
from service.core.errors import Conflict
from service.core.principal import Principal
from service.db.tables import Tenant, new_id


def create_tenant(
    session: Session, *, name: str, admin: str, by: Principal | None = None
) -> tuple[Tenant, str]:
    """Create an organisation; returns it and its first admin's token, shown only once."""
    tenant = Tenant(id=new_id("te"), name=name)
    session.add(tenant)
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(f"An organisation named {name!r} already exists.") from error
    _, token = api_keys.create_key(session, name=admin, role=Role.admin, tenant_id=tenant.id)
    access_log.record(session, "tenant.create", tenant.id, by=by, name=name)
    return tenant, token


def list_tenants(session: Session) -> list[Tenant]:
    return list(session.scalars(select(Tenant).order_by(Tenant.created_at, Tenant.id)))
