"""Whether a caller who was authenticated a while ago still would be: for streams, which outlast
their request's authentication."""

from typing import Any

from sqlalchemy import Connection, Select, bindparam, inspect, select

from service.accounts.principals import is_valid
from service.accounts.sessions import is_active
from service.core.principal import Principal
from service.db.tables import ApiKey, BrowserSession, Tenant

_KEYS, _SESSIONS = inspect(ApiKey).local_table, inspect(BrowserSession).local_table
_TENANTS = inspect(Tenant).local_table
_STANDING: Select[Any] = (
    select(
        _KEYS.c.revoked_at,
        _KEYS.c.expires_at,
        _KEYS.c.secret_hash,
        _TENANTS.c.suspended_at,
        _SESSIONS.c.id.label("session_id"),
        _SESSIONS.c.ended_at,
        _SESSIONS.c.expires_at.label("session_expires_at"),
        _SESSIONS.c.last_used_at.label("session_used_at"),
    )
    .outerjoin(_TENANTS, _TENANTS.c.id == _KEYS.c.tenant_id)
    .outerjoin(
        _SESSIONS, (_SESSIONS.c.key_id == _KEYS.c.id) & (_SESSIONS.c.id == bindparam("session"))
    )
    .where(_KEYS.c.id == bindparam("key"))
)


def standing_of(connection: Connection, caller: Principal) -> str | None:
    """None if the caller's key is revoked, expired or gone, their organisation suspended or their
    session at its end; else a value that changes when the key gets another secret."""
    row = connection.execute(
        _STANDING, {"key": caller.key_id, "session": caller.session_id or ""}
    ).first()
    if row is None or not is_valid(row) or row.suspended_at is not None:
        return None
    if caller.session_id is None:
        return row.secret_hash or ""
    if row.session_id is None:
        return None
    active = is_active(row.ended_at, row.session_expires_at, row.session_used_at)
    return row.session_id if active else None
