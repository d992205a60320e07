"""API keys: `la_<8-character id>_<43 random characters>`; only a SHA-256 of the secret is stored.

The secret has 256 random bits, so a fast hash is as safe as a slow one and costs microseconds.
"""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, bindparam, inspect, or_, select, update
from sqlalchemy.orm import Session

from labelaudit.enums import Role, Scope
from service.accounts import access_log, sessions
from service.accounts.principals import (
    is_valid,
    principal_of,
    refuse_suspended,
    require_power_over,
)
from service.core.config import Settings
from service.core.errors import BadInput, Conflict, NotAuthenticated
from service.core.principal import (
    BEYOND_A_DATASET,
    DEFAULT_TENANT,
    OF_THE_SERVICE,
    OPERATORS,
    ROLE_SCOPES,
    Principal,
)
from service.db import tenant_filter
from service.db.lookup import get_row
from service.db.tables import ApiKey, Dataset, Tenant, now

__all__ = ["Principal", "authenticate", "create_key", "list_keys", "revoke_key", "rotate_key"]

_KEYS, _TENANTS = inspect(ApiKey).local_table, inspect(Tenant).local_table
_KEY: Select[Any] = (
    select(*_KEYS.c, _TENANTS.c.suspended_at)
    .outerjoin(_TENANTS, _TENANTS.c.id == _KEYS.c.tenant_id)
    .where(_KEYS.c.id == bindparam("key"))
)
DUMMY_HASH = "0" * 64  # compared if the id is unknown, so that both cases take the same time


def create_key(
    session: Session,
    *,
    name: str,
    role: Role,
    scopes: Collection[Scope] | None = None,
    tenant_id: str = DEFAULT_TENANT,
    dataset_id: str | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Create a key; returns it with its token, which is never shown again.

    Callers create keys of their own tenant; `tenant_id` is for sessions without a caller, whose
    keys with scopes of the service belong to no organisation. A key for one dataset sees nothing
    else of its tenant. Without `expires_at` it never expires.

    Raises
    ------
    NotPermitted
        The key would have scopes that its creator lacks.
    BadInput
        There is no such dataset, or the scopes reach beyond one.
    """
    creator = tenant_filter.caller_of(session)
    wanted = frozenset(ROLE_SCOPES[role] if scopes is None else scopes)
    if creator is not None:
        tenant_id = creator.tenant_id
    elif wanted & OF_THE_SERVICE:
        tenant_id = OPERATORS
    if dataset_id is not None:
        _require_dataset(session, dataset_id, wanted)
    secret = secrets.token_urlsafe(32)
    key = ApiKey(
        id=secrets.token_hex(4),
        tenant_id=tenant_id,
        name=name,
        role=role,
        scopes=None if scopes is None else sorted(wanted),
        dataset_id=dataset_id,
        secret_hash=hashed(secret),
        expires_at=expires_at,
    )
    require_power_over(session, key)
    session.add(key)
    session.flush()
    access_log.record(
        session,
        "key.create",
        key.id,
        tenant_id=key.tenant_id,
        name=name,
        role=role,
        dataset_id=dataset_id,
        expires_at=expires_at.isoformat() if expires_at else None,
    )
    return key, _token(key, secret)


def _require_dataset(session: Session, dataset_id: str, scopes: Collection[Scope]) -> None:
    """Raises BadInput unless a key with these scopes can be for the dataset alone."""
    problem = None
    if session.get(Dataset, dataset_id) is None:
        problem = f"There is no dataset {dataset_id!r}."
    elif beyond := BEYOND_A_DATASET.intersection(scopes):
        problem = f"A key for one dataset cannot have the scopes {', '.join(sorted(beyond))}."
    if problem is not None:
        raise BadInput(problem, errors=[{"pointer": "/dataset_id", "detail": problem}])


def default_expiry(settings: Settings) -> datetime | None:
    """When a key expires of which nothing else was said; None for never."""
    return now() + timedelta(days=settings.key_days) if settings.key_days else None


KEEP: Any = object()


def rotate_key(
    session: Session, key_id: str, *, expires_at: datetime | None = KEEP
) -> tuple[ApiKey, str]:
    """Give a key a new secret; its identity and permissions stay, and so does its expiry unless
    another is given. The old secret stops working with the next request, and all sessions of the
    key end.

    Raises
    ------
    NotPermitted
        The caller lacks scopes of the key.
    Conflict
        The key is revoked or has expired, or it is a person who signs in by OIDC.
    """
    key = get_key(session, key_id)
    require_power_over(session, key)
    if key.secret_hash is None or key.revoked_at is not None:
        raise Conflict(
            f"The key {key_id!r} has no secret to rotate: it is revoked, or signs in by OIDC."
        )
    if expires_at is not KEEP:
        key.expires_at = expires_at
    if not is_valid(key):
        raise Conflict(f"The key {key_id!r} has expired. Set `expires_at` for the new token.")
    return key, _renew(session, key)


def _renew(session: Session, key: ApiKey) -> str:
    secret = secrets.token_urlsafe(32)
    key.secret_hash = hashed(secret)
    sessions.end_all(session, key.id)
    access_log.record(session, "key.rotate", key.id, tenant_id=key.tenant_id, name=key.name)
    return _token(key, secret)


def renew_local_key(session: Session, key_id: str) -> str:
    """The token of the key with which a local service is used, by whoever starts it: the first time
    a new key, later the same one with another secret, so that they stay the same person in every
    log."""
    key = session.get(ApiKey, key_id)
    if key is None:
        key = ApiKey(id=key_id, tenant_id=DEFAULT_TENANT, name=key_id, role=Role.admin)
        session.add(key)
        for former in session.scalars(select(ApiKey).where(ApiKey.name == key_id)):
            end_key(session, former)  # of the time when each start made a key
    key.role, key.scopes, key.dataset_id = Role.admin, None, None
    key.expires_at = key.revoked_at = None
    session.flush()
    return _renew(session, key)


def authenticate(connection: Connection, token: str) -> Principal:
    """The key's owner. Unknown, wrong, expired and revoked keys get the same answer. Raises
    NotAuthenticated, NotPermitted for a suspended organisation."""
    prefix, _, rest = token.partition("_")
    key_id, _, secret = rest.partition("_")
    key = connection.execute(_KEY, {"key": key_id}).first() if prefix == "la" else None
    stored = key.secret_hash if key is not None else None
    matches = hmac.compare_digest(hashed(secret), stored or DUMMY_HASH)
    if key is None or stored is None or not matches or not is_valid(key):
        raise NotAuthenticated(
            "This API key is not valid. Send a key as `Authorization: Bearer la_…`."
        )
    refuse_suspended(key.suspended_at)
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
    end_key(session, key)
    return key


def end_key(session: Session, key: ApiKey) -> None:
    """Revoke a key whoever asks for it, because what it was for has come to its end."""
    if key.revoked_at is None:
        key.revoked_at = now()
        sessions.end_all(session, key.id)
        access_log.record(session, "key.revoke", key.id, tenant_id=key.tenant_id, name=key.name)


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
