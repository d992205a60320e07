"""The principal of a stored API key."""

from typing import Any

from sqlalchemy import Row

from labelaudit.enums import Scope
from service.core.principal import Principal
from service.db.tables import ApiKey, now


def is_valid(key: ApiKey | Row[Any]) -> bool:
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now())


def principal_of(key: ApiKey | Row[Any]) -> Principal:
    known = {scope.value for scope in Scope}  # a newer version may have stored others
    scopes = None if key.scopes is None else frozenset(Scope(s) for s in key.scopes if s in known)
    return Principal(key.id, key.name, key.role, tenant_id=key.tenant_id, scopes=scopes)
