"""Organisations on one service; each begins with the key of its first admin.

Only sessions of the service itself make one: a caller's session is bound to their own tenant.
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
    """A new organisation, and the token of its first admin, which is shown only now."""
    tenant = Tenant(id=new_id("te"), name=name)
    session.add(tenant)
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(f"There is an organisation {name!r} already.") from error
    _, token = api_keys.create_key(session, name=admin, role=Role.admin, tenant_id=tenant.id)
    access_log.record(session, "tenant.create", tenant.id, by=by, name=name)
    return tenant, token


def list_tenants(session: Session) -> list[Tenant]:
    return list(session.scalars(select(Tenant).order_by(Tenant.created_at, Tenant.id)))
