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
from service.accounts.principals import is_valid, principal_of
from service.core.errors import (
    Conflict,
    NotAuthenticated,
    NotFound,
    NotPermitted,
)
from service.core.principal import DEFAULT_TENANT, ROLE_SCOPES, Principal
from service.db import tenant_filter
from service.db.tables import ApiKey, now

__all__ = ["Principal", "authenticate", "create_key", "list_keys", "revoke_key", "rotate_key"]

_KEY = select(*inspect(ApiKey).local_table.c).where(ApiKey.id == bindparam("key"))
ANYONES_HASH = "0" * 64  # compared against when the id is unknown, so that both take the same time


def create_key(
    session: Session,
    *,
    name: str,
    role: Role,
    scopes: Collection[Scope] | None = None,
    tenant_id: str = DEFAULT_TENANT,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its token, which is shown only now.

    Whoever opened the session makes keys of their own tenant; `tenant_id` is for sessions of the
    service itself. Raises NotPermitted where somebody gives more than they have.
    """
    creator = tenant_filter.caller_of(session)
    wanted = frozenset(ROLE_SCOPES[role] if scopes is None else scopes)
    if creator is not None and not wanted <= creator.all_scopes:
        missing = ", ".join(sorted(wanted - creator.all_scopes))
        raise NotPermitted(f"You cannot give what you do not have yourself: {missing}.")
    secret = secrets.token_urlsafe(32)
    key = ApiKey(
        id=secrets.token_hex(4),
        tenant_id=creator.tenant_id if creator is not None else tenant_id,
        name=name,
        role=role,
        scopes=None if scopes is None else sorted(wanted),
        secret_hash=hashed(secret),
        expires_at=expires_at,
    )
    session.add(key)
    session.flush()
    access_log.record(session, "key.create", key.id, tenant_id=key.tenant_id, name=name, role=role)
    return key, _token(key, secret)


def rotate_key(
    session: Session, key_id: str, *, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """A new secret for a key: who it is, and what they may see, stay as they are. The old secret
    is refused from the next request on, and so is every browser that signed in with it."""
    key = get_key(session, key_id)
    if key.secret_hash is None or key.revoked_at is not None:
        raise Conflict(f"The key {key_id!r} has no secret to renew: it is revoked, or a person's.")
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
    matches = hmac.compare_digest(hashed(secret), stored or ANYONES_HASH)
    if key is None or stored is None or not matches or not is_valid(key):
        raise NotAuthenticated(
            "This API key is not valid. Send a key as `Authorization: Bearer la_…`."
        )
    return principal_of(key)


def list_keys(session: Session) -> list[ApiKey]:
    return list(session.scalars(select(ApiKey).order_by(ApiKey.created_at, ApiKey.id)))


def get_key(session: Session, key_id: str) -> ApiKey:
    key = session.get(ApiKey, key_id)
    if key is None:
        raise NotFound(f"There is no API key {key_id!r}.")
    return key


def revoke_key(session: Session, key_id: str) -> ApiKey:
    """Refuse the key, and whoever signed in with it, from the next request on."""
    key = get_key(session, key_id)
    if key.revoked_at is None:
        key.revoked_at = now()
        sessions.end_all(session, key_id)
        access_log.record(session, "key.revoke", key.id, name=key.name)
    return key


def revoke_by_name(session: Session, name: str) -> None:
    for key in session.scalars(select(ApiKey).where(ApiKey.name == name)):
        revoke_key(session, key.id)


def note_uses(session: Session, used: Mapping[str, datetime]) -> None:
    """Write down when keys were last used; a moment that is older than the stored one is not."""
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
