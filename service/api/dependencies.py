"""What routes ask for by type: who is calling, a session, the storage, the settings."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session

from service.config import Settings
from service.database import Database
from service.errors import NotAuthenticated, NotPermitted
from service.keys import Principal, authenticate
from service.metrics import Metrics
from service.models import Role
from service.storage import Storage

RANK = {Role.annotator: 0, Role.uploader: 1, Role.admin: 2}
bearer = HTTPBearer(auto_error=False, description="An API key, `la_…`.")


@dataclass(frozen=True)
class Resources:
    """What the application opened at its start."""

    settings: Settings
    database: Database
    storage: Storage
    metrics: Metrics


def resources(request: Request) -> Resources:
    found: Resources = request.app.state.resources
    return found


ResourcesDep = Annotated[Resources, Depends(resources)]


def reading(resources: ResourcesDep) -> Generator[Session]:
    with resources.database.read() as session:
        yield session


def writing(resources: ResourcesDep) -> Generator[Session]:
    with resources.database.write() as session:
        yield session


def storage(resources: ResourcesDep) -> Storage:
    return resources.storage


def settings(resources: ResourcesDep) -> Settings:
    return resources.settings


ReadSession = Annotated[Session, Depends(reading)]
# scope="function": the commit happens before the answer is sent, so an answer means it is stored.
WriteSession = Annotated[Session, Depends(writing, scope="function")]
StorageDep = Annotated[Storage, Depends(storage)]
SettingsDep = Annotated[Settings, Depends(settings)]


def principal(
    resources: ResourcesDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Principal:
    if credentials is None:
        raise NotAuthenticated("Send an API key as `Authorization: Bearer la_…`.")
    with resources.database.read() as session:
        return authenticate(session, credentials.credentials)


def require(role: Role) -> Callable[..., Any]:
    """A dependency that lets in this role and the ones above it."""

    def check(caller: Annotated[Principal, Depends(principal)]) -> Principal:
        if RANK[caller.role] < RANK[role]:
            raise NotPermitted(f"This needs the role `{role}`; your key is `{caller.role}`.")
        return caller

    return check


Annotator = Annotated[Principal, Depends(require(Role.annotator))]
Uploader = Annotated[Principal, Depends(require(Role.uploader))]
Admin = Annotated[Principal, Depends(require(Role.admin))]
