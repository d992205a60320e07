"""The access log: who did what to which object, when, from where, and with what outcome.

An action is recorded in its own transaction, so none is missing from the log. Refusals are recorded
in separate transactions. The database prevents changes to entries (`migrations/append_only.py`).
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelaudit.enums import AccessOutcome
from service.core.principal import Principal
from service.db import tenant_filter
from service.db.tables import AccessEntry


def record(
    session: Session,
    action: str,
    subject: str | None = None,
    *,
    by: Principal | None = None,
    tenant_id: str | None = None,
    outcome: AccessOutcome = AccessOutcome.done,
    **detail: Any,
) -> None:
    """Record an action of `by`, or of the session's caller, or of the service itself."""
    caller = by or tenant_filter.caller_of(session)
    address, request_id = detail.pop("address", None), detail.pop("request_id", None)
    session.add(
        AccessEntry(
            tenant_id=tenant_id or (caller.tenant_id if caller else None),
            action=action,
            outcome=outcome,
            key_id=caller.key_id if caller else None,
            name=caller.name if caller else None,
            subject=subject,
            address=caller.address if caller else address,
            request_id=caller.request_id if caller else request_id,
            detail=detail or None,
        )
    )


def list_entries(
    session: Session,
    *,
    tenant_id: str | None,
    action: str | None = None,
    key_id: str | None = None,
    before: int | None = None,
    limit: int,
) -> Sequence[AccessEntry]:
    """Entries older than the id `before`, newest first."""
    query = select(AccessEntry).order_by(AccessEntry.id.desc()).limit(limit)
    query = query.where(AccessEntry.tenant_id == tenant_id)
    if action is not None:
        query = query.where(AccessEntry.action == action)
    if key_id is not None:
        query = query.where(AccessEntry.key_id == key_id)
    if before is not None:
        query = query.where(AccessEntry.id < before)
    return session.scalars(query).all()
