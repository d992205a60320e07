"""/v1/access-log: who did what, when, from where."""

from typing import Annotated, Any

from fastapi import Query

from labelaudit.schemas import AccessEntryRead, Page
from service.accounts import access_log
from service.api import cursors
from service.api.dependencies import KeyManager, ReadSession
from service.api.problems import documented
from service.api.routing import TransactionRouter

router = TransactionRouter(prefix="/v1/access-log", tags=["access log"], responses=documented(400))


@router.get("", response_model=Page[AccessEntryRead])
def list_access_log(
    session: ReadSession,
    caller: KeyManager,
    action: Annotated[str | None, Query(max_length=40)] = None,
    key_id: Annotated[str | None, Query(max_length=16)] = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """The organisation's sign-ins, refusals, changes of keys and members, exports and deletions,
    newest first. Entries cannot be changed, not even by the service."""
    before = int(cursors.decode(cursor, int)[0]) if cursor else None
    found = access_log.list_entries(
        session,
        tenant_id=caller.tenant_id,
        action=action,
        key_id=key_id,
        before=before,
        limit=limit,
    )
    following = cursors.encode(found[-1].id) if len(found) == limit else None
    return {"items": found, "next_cursor": following}
