"""/v1/access-log: who did what, when, from where."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import BeforeValidator

from labelaudit.schemas import AccessEntryRead, Page
from labelaudit.schemas.base import written_moment
from service.accounts import access_log
from service.api import cursors
from service.api.dependencies import KeyManager, Operator, ReadSession, ResourcesDep
from service.api.problems import documented
from service.api.routing import TransactionRouter
from service.db.tables import AccessEntry

router = TransactionRouter(prefix="/v1/access-log", tags=["access log"], responses=documented(400))

Action = Annotated[str | None, Query(max_length=40)]
Since = Annotated[
    Annotated[datetime, BeforeValidator(written_moment)] | None,
    Query(description="In UTC, where it does not say otherwise."),
]
Limit = Annotated[int, Query(ge=1, le=1000)]


@router.get("", response_model=Page[AccessEntryRead])
def list_access_log(
    session: ReadSession,
    caller: KeyManager,
    action: Action = None,
    key_id: Annotated[str | None, Query(max_length=16)] = None,
    since: Since = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """The organisation's sign-ins, refusals, changes of keys and members, exports and deletions,
    newest first. Entries cannot be changed, not even by the service; they are deleted once they are
    older than the retention."""
    found = access_log.list_entries(
        session,
        tenant_id=caller.tenant_id,
        action=action,
        key_id=key_id,
        since=_in_utc(since),
        before=_before(cursor),
        limit=limit,
    )
    return _page(found, limit)


@router.get("/service", response_model=Page[AccessEntryRead])
def list_service_log(
    resources: ResourcesDep,
    caller: Operator,
    action: Action = None,
    since: Since = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """What belongs to no organisation, newest first: failed sign-ins of nobody known, and what was
    done by commands beside the service."""
    with resources.for_every_tenant() as session:
        found = access_log.list_entries(
            session,
            tenant_id=None,
            action=action,
            since=_in_utc(since),
            before=_before(cursor),
            limit=limit,
        )
    return _page(found, limit)


def _before(cursor: str | None) -> int | None:
    return int(cursors.decode(cursor, int)[0]) if cursor else None


def _in_utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _page(found: Sequence[AccessEntry], limit: int) -> dict[str, Any]:
    following = cursors.encode(found[-1].id) if len(found) == limit else None
    return {"items": found, "next_cursor": following}
