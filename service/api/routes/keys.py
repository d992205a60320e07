"""/v1/keys and /v1/me"""

from typing import Annotated, Any

from fastapi import Body, Response

from labelaudit.schemas import (
    KeyCreate,
    KeyCreated,
    KeyRead,
    KeyRotate,
    Me,
    Page,
)
from service.accounts import api_keys
from service.api.dependencies import (
    Anyone,
    KeyManager,
    ReadSession,
    SettingsDep,
    WriteSession,
)
from service.api.document import documented
from service.api.pages import Cursor, Limit, slice_of
from service.api.routing import TransactionRouter
from service.db.tables import ApiKey

router = TransactionRouter(prefix="/v1", tags=["keys"], responses=documented())


@router.get("/me", response_model=Me)
def read_me(session: ReadSession, caller: Anyone) -> dict[str, Any]:
    """Your key: who you are and what you may do."""
    key = api_keys.get_key(session, caller.key_id)
    return {**key.to_dict(), "scopes": sorted(caller.all_scopes)}


@router.post("/keys", status_code=201, response_model=KeyCreated)
def create_key(
    session: WriteSession,
    response: Response,
    settings: SettingsDep,
    caller: KeyManager,
    wanted: KeyCreate,
) -> dict[str, Any]:
    """Create a key; its token is shown only in this response. `scopes` replaces the permissions of
    the role."""
    said = "expires_at" in wanted.model_fields_set
    key, token = api_keys.create_key(
        session,
        name=wanted.name,
        role=wanted.role,
        scopes=wanted.scopes,
        dataset_id=wanted.dataset_id,
        expires_at=wanted.expires_at if said else api_keys.default_expiry(settings),
    )
    response.headers["Location"] = f"/v1/keys/{key.id}"
    return {**key.to_dict(), "token": token}


@router.get("/keys", response_model=Page[KeyRead])
def list_keys(
    session: ReadSession, caller: KeyManager, cursor: Cursor = None, limit: Limit = 100
) -> dict[str, Any]:
    """List the organisation's keys and the people who signed in by OIDC, oldest first; without
    secrets."""
    return slice_of(api_keys.list_keys(session), cursor, limit)


@router.get("/keys/{key_id}", response_model=KeyRead)
def read_key(session: ReadSession, caller: KeyManager, key_id: str) -> ApiKey:
    """One key, without its secret."""
    return api_keys.get_key(session, key_id)


@router.post("/keys/{key_id}/rotate", response_model=KeyCreated, responses=documented(409))
def rotate_key(
    session: WriteSession,
    caller: KeyManager,
    key_id: str,
    wanted: Annotated[KeyRotate | None, Body()] = None,
) -> dict[str, Any]:
    """Give a key a new token, shown only in this response; the old one stops working at once."""
    changes = wanted.model_dump(exclude_unset=True) if wanted else {}
    key, token = api_keys.rotate_key(session, key_id, **changes)
    return {**key.to_dict(), "token": token}


@router.delete("/keys/{key_id}", status_code=204)
def revoke_key(session: WriteSession, caller: KeyManager, key_id: str) -> None:
    """Revoke a key. It stops working with the next request, and stays in the list."""
    api_keys.revoke_key(session, key_id)
