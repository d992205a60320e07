"""/v1/access-log: who did what, when, from where."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query

from labelaudit.schemas import AccessEntryRead, Page
from service.accounts import access_log
from service.api import cursors
from service.api.dependencies import KeyManager, Operator, ReadSession, ResourcesDep
from service.api.document import documented
from service.api.pages import Cursor, Limit, Moment, page
from service.api.routing import TransactionRouter
from service.db.tables import AccessEntry

router = TransactionRouter(prefix="/v1/access-log", tags=["access log"], responses=documented(400))

Action = Annotated[str | None, Query(max_length=40)]


@router.get("", response_model=Page[AccessEntryRead])
def list_access_log(
    session: ReadSession,
    caller: KeyManager,
    action: Action = None,
    key_id: Annotated[str | None, Query(max_length=16)] = None,
    since: Moment = None,
    cursor: Cursor = None,
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
        since=since,
        before=_before(cursor),
        limit=limit + 1,
    )
    return _page(found, limit)


@router.get("/service", response_model=Page[AccessEntryRead])
def list_service_log(
    resources: ResourcesDep,
    caller: Operator,
    action: Action = None,
    since: Moment = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """List entries of no organisation, newest first: failed sign-ins of unknown callers, and
    actions of commands that run without the service."""
    with resources.for_every_tenant() as session:
        found = access_log.list_entries(
            session,
            tenant_id=None,
            action=action,
            since=since,
            before=_before(cursor),
            limit=limit + 1,
        )
    return _page(found, limit)


def _before(cursor: str | None) -> int | None:
    return int(cursors.decode(cursor, int)[0]) if cursor else None


def _page(found: Sequence[AccessEntry], limit: int) -> dict[str, Any]:
    made = page(found, limit, lambda entry: (entry.id,))
    return {**made, "items": [_shown(entry) for entry in made["items"]]}


def _shown(entry: AccessEntry) -> dict[str, Any]:
    known = entry.key_id is not None or entry.name is not None
    return {
        **entry.to_dict(),
        "by": {"id": entry.key_id, "name": entry.name or ""} if known else None,
    }
