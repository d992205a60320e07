"""The principal of a stored API key, and who may manage the key."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from labelaudit.enums import Scope
from service.core.errors import NotPermitted
from service.core.principal import Principal
from service.db import tenant_filter
from service.db.tables import ApiKey, now


def is_valid(key: ApiKey | Row[Any]) -> bool:
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now())


def refuse_suspended(tenant_suspended_at: datetime | None) -> None:
    """Raises NotPermitted for keys and people of a suspended organisation."""
    if tenant_suspended_at is not None:
        raise NotPermitted(
            "Your organisation is suspended: nothing is deleted, but its keys and sessions are "
            "refused. Contact an operator of the service.",
            type="organisation-suspended",
        )


def principal_of(key: ApiKey | Row[Any]) -> Principal:
    known = {scope.value for scope in Scope}  # a newer version may have stored others
    scopes = None if key.scopes is None else frozenset(Scope(s) for s in key.scopes if s in known)
    return Principal(
        key.id,
        key.name,
        key.role,
        tenant_id=key.tenant_id,
        dataset_id=key.dataset_id,
        scopes=scopes,
    )


def require_power_over(session: Session, key: ApiKey) -> None:
    """One rule for whatever is done to a key: nobody hands out, takes over or ends what they do not
    hold themselves. The service itself may do it all.

    Raises
    ------
    NotPermitted
        The key has scopes that the session's caller lacks, or sees more than the caller's dataset.
    """
    caller = tenant_filter.caller_of(session)
    if caller is None:
        return
    if caller.dataset_id not in (None, key.dataset_id):
        raise NotPermitted(f"Your key is for the dataset {caller.dataset_id!r} alone.")
    missing = principal_of(key).all_scopes - caller.all_scopes
    if missing:
        raise NotPermitted(
            "You can make, change and end only keys whose scopes you have; you lack "
            f"{', '.join(sorted(missing))}."
        )
