"""/v1/keys and /v1/me"""

from typing import Any

from fastapi import APIRouter

from service import keys
from service.api.dependencies import Admin, Annotator, ReadSession, WriteSession
from service.api.problems import documented
from service.keys import Principal
from service.models import ApiKey
from service.schemas import KeyCreate, KeyCreated, KeyRead, Me

router = APIRouter(prefix="/v1", tags=["keys"], responses=documented())


@router.get("/me", response_model=Me)
def read_me(caller: Annotator) -> Principal:
    """Whose key this is."""
    return caller


@router.post("/keys", status_code=201, response_model=KeyCreated)
def create_key(session: WriteSession, caller: Admin, wanted: KeyCreate) -> dict[str, Any]:
    """Make a key; its token is shown only in this answer."""
    key, token = keys.create_key(
        session, name=wanted.name, role=wanted.role, expires_at=wanted.expires_at
    )
    return {**key.to_dict(), "token": token}


@router.get("/keys", response_model=list[KeyRead])
def list_keys(session: ReadSession, caller: Admin) -> list[ApiKey]:
    """Every key, without its secret."""
    return keys.list_keys(session)


@router.delete("/keys/{key_id}", response_model=KeyRead)
def revoke_key(session: WriteSession, caller: Admin, key_id: str) -> ApiKey:
    """Revoke a key; it is refused from the next request on."""
    return keys.revoke_key(session, key_id)
