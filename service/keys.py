"""API keys: `la_<8-character id>_<43 random characters>`; only a SHA-256 of the secret is stored.

The secret has 256 random bits, so a fast hash is as safe as a slow one and costs microseconds.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.errors import NotAuthenticated, NotFound
from service.models import ApiKey, Role, now

ANYONES_HASH = "0" * 64  # compared against when the id is unknown, so that both take the same time


@dataclass(frozen=True)
class Principal:
    """Who is calling."""

    key_id: str
    name: str
    role: Role


def create_key(
    session: Session, *, name: str, role: Role, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """A new key and its token, which is shown only now."""
    secret = secrets.token_urlsafe(32)
    key = ApiKey(
        id=secrets.token_hex(4),
        name=name,
        role=role,
        secret_hash=_hash(secret),
        expires_at=expires_at,
    )
    session.add(key)
    session.flush()
    return key, f"la_{key.id}_{secret}"


def authenticate(session: Session, token: str) -> Principal:
    """The key's owner. Unknown, wrong, expired and revoked keys get the same answer."""
    prefix, _, rest = token.partition("_")
    key_id, _, secret = rest.partition("_")
    key = session.get(ApiKey, key_id) if prefix == "la" else None
    matches = hmac.compare_digest(_hash(secret), key.secret_hash if key else ANYONES_HASH)
    if key is None or not matches or key.revoked_at or (key.expires_at and key.expires_at < now()):
        raise NotAuthenticated(
            "This API key is not valid. Send a key as `Authorization: Bearer la_…`."
        )
    return Principal(key.id, key.name, key.role)


def list_keys(session: Session) -> list[ApiKey]:
    return list(session.scalars(select(ApiKey).order_by(ApiKey.created_at, ApiKey.id)))


def revoke_key(session: Session, key_id: str) -> ApiKey:
    key = session.get(ApiKey, key_id)
    if key is None:
        raise NotFound(f"There is no API key {key_id!r}.")
    key.revoked_at = key.revoked_at or now()
    return key


def revoke_by_name(session: Session, name: str) -> None:
    for key in session.scalars(select(ApiKey).where(ApiKey.name == name)):
        key.revoked_at = key.revoked_at or now()


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
