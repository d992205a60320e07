"""API keys: `la_<8-character id>_<43 random characters>`; only a SHA-256 of the secret is stored.

The secret has 256 random bits, so a fast hash is as safe as a slow one and costs microseconds.
"""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, bindparam, inspect, or_, select, update
from sqlalchemy.orm import Session

from labelaudit.enums import Role, Scope
from service.accounts import access_log, sessions
from service.accounts.principals import is_valid, principal_of, require_power_over
from service.core.errors import Conflict, NotAuthenticated
from service.core.principal import (
    DEFAULT_TENANT,
    OF_THE_SERVICE,
    OPERATORS,
    ROLE_SCOPES,
    Principal,
)
from service.db import tenant_filter
from service.db.lookup import get_row
from service.db.tables import ApiKey, now

__all__ = ["Principal", "authenticate", "create_key", "list_keys", "revoke_key", "rotate_key"]

_KEY = select(*inspect(ApiKey).local_table.c).where(ApiKey.id == bindparam("key"))
DUMMY_HASH = "0" * 64  # compared if the id is unknown, so that both cases take the same time


def create_key(
    session: Session,
    *,
    name: str,
    role: Role,
    scopes: Collection[Scope] | None = None,
    tenant_id: str = DEFAULT_TENANT,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Create a key; returns it with its token, which is never shown again.

    Callers create keys of their own tenant; `tenant_id` is for sessions without a caller, whose
    keys with scopes of the service belong to no organisation. Raises NotPermitted if the key would
    have scopes that its creator lacks.
    """
    creator = tenant_filter.caller_of(session)
    wanted = frozenset(ROLE_SCOPES[role] if scopes is None else scopes)
    if creator is not None:
        tenant_id = creator.tenant_id
    elif wanted & OF_THE_SERVICE:
        tenant_id = OPERATORS
    secret = secrets.token_urlsafe(32)
    key = ApiKey(
        id=secrets.token_hex(4),
        tenant_id=tenant_id,
        name=name,
        role=role,
        scopes=None if scopes is None else sorted(wanted),
        secret_hash=hashed(secret),
        expires_at=expires_at,
    )
    require_power_over(session, key)
    session.add(key)
    session.flush()
    access_log.record(session, "key.create", key.id, tenant_id=key.tenant_id, name=name, role=role)
    return key, _token(key, secret)


def rotate_key(
    session: Session, key_id: str, *, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Give a key a new secret; its identity and permissions stay. The old secret stops working with
    the next request, and all sessions of the key end. Raises NotPermitted as `create_key` does."""
    key = get_key(session, key_id)
    require_power_over(session, key)
    if key.secret_hash is None or key.revoked_at is not None:
        raise Conflict(
            f"The key {key_id!r} has no secret to rotate: it is revoked, or signs in by OIDC."
        )
    secret = secrets.token_urlsafe(32)
    key.secret_hash = hashed(secret)
    key.expires_at = expires_at or key.expires_at
    sessions.end_all(session, key_id)
    access_log.record(session, "key.rotate", key.id, name=key.name)
    return key, _token(key, secret)


def authenticate(connection: Connection, token: str) -> Principal:
    """The key's owner. Unknown, wrong, expired and revoked keys get the same answer."""
    prefix, _, rest = token.partition("_")
    key_id, _, secret = rest.partition("_")
    key = connection.execute(_KEY, {"key": key_id}).first() if prefix == "la" else None
    stored = key.secret_hash if key is not None else None
    matches = hmac.compare_digest(hashed(secret), stored or DUMMY_HASH)
    if key is None or stored is None or not matches or not is_valid(key):
        raise NotAuthenticated(
            "This API key is not valid. Send a key as `Authorization: Bearer la_…`."
        )
    return principal_of(key)


def list_keys(session: Session) -> list[ApiKey]:
    return list(session.scalars(select(ApiKey).order_by(ApiKey.created_at, ApiKey.id)))


def get_key(session: Session, key_id: str) -> ApiKey:
    return get_row(session, ApiKey, key_id, "API key")


def revoke_key(session: Session, key_id: str) -> ApiKey:
    """Reject the key from the next request on, and end its sessions. Raises NotPermitted as
    `create_key` does."""
    key = get_key(session, key_id)
    require_power_over(session, key)
    if key.revoked_at is None:
        key.revoked_at = now()
        sessions.end_all(session, key_id)
        access_log.record(session, "key.revoke", key.id, name=key.name)
    return key


def revoke_by_name(session: Session, name: str) -> None:
    for key in session.scalars(select(ApiKey).where(ApiKey.name == name)):
        revoke_key(session, key.id)


def record_use(session: Session, used: Mapping[str, datetime]) -> None:
    """Store when keys were last used, unless a later time is stored already."""
    for key_id, moment in sorted(used.items()):
        session.execute(
            update(ApiKey)
            .where(
                ApiKey.id == key_id,
                or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < moment),
            )
            .values(last_used_at=moment)
        )


def _token(key: ApiKey, secret: str) -> str:
    return f"la_{key.id}_{secret}"


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
