"""What routes ask for by type: who is calling, a session, the storage, the settings.

A session shows what its caller may see, so asking for one asks for a caller too; each route says
with one of the types at the end which scope the caller needs.
"""

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from fastapi.security.utils import get_authorization_scheme_param
from sqlalchemy.orm import Session

from labelaudit.enums import AccessOutcome, Scope
from labelaudit.schemas import SignInAnswer
from service.accounts import access_log, oidc, sessions
from service.accounts.api_keys import authenticate
from service.accounts.last_used import LastUsed
from service.api import cookies
from service.api.rate_limit import Limit
from service.audits.event_poller import News
from service.core.config import Settings
from service.core.errors import NotAuthenticated, NotFound, NotPermitted
from service.core.principal import Principal
from service.db.engine import Database
from service.observability.metrics import Metrics
from service.storage.local import Storage
from service.storage.upload_bucket import UploadBucket


@dataclass(frozen=True)
class Resources:
    """What the application opened at its start."""

    settings: Settings
    database: Database
    storage: Storage
    metrics: Metrics
    news: News
    last_used: LastUsed
    calls: Limit
    failed_sign_ins: Limit
    provider: oidc.Provider | None  # of sign-ins elsewhere
    bucket: UploadBucket | None  # the bucket that files may be sent to

    def read(self, caller: Principal) -> AbstractContextManager[Session]:
        return self.database.read(caller)

    def write(self, caller: Principal) -> AbstractContextManager[Session]:
        return self.database.write(caller)

    @contextmanager
    def recognising(self, request: Request) -> Generator[None]:
        """A look at who somebody is: failures are noted, and counted against their address."""
        try:
            yield
        except (NotAuthenticated, NotPermitted) as error:
            # counted after the look: a guesser next door locks nobody out who has a valid key
            self.failed_sign_ins.count(address_of(request) or "")
            self.note_refusal(request, None, reason=error.detail)
            raise

    def note_refusal(self, request: Request, caller: Principal | None, **detail: str) -> None:
        """A line of the access log; what failed attempts can add is bounded by their limit."""
        with self.database.write() as session:
            access_log.record(
                session,
                "refused",
                f"{request.method} {request.url.path}"[:200],
                by=caller,
                outcome=AccessOutcome.refused,
                address=address_of(request),
                request_id=request.state.request_id,
                **detail,
            )

    def note_download(self, caller: Principal, subject: str, file: str) -> None:
        """A line of the access log for data that leave: before their first byte does."""
        with self.database.write() as session:
            access_log.record(session, "download", subject, by=caller, file=file)

    def for_every_tenant(self) -> AbstractContextManager[Session]:
        """A session that nothing is hidden from: only for routes about the service itself."""
        return self.database.write()


def resources_of(request: Request) -> Resources:
    found: Resources = request.app.state.resources
    return found


# What only looks something up is a coroutine: a thread of the pool would cost more than the look.
# Dependencies hang on few others: FastAPI walks through all below each, known already or not.


async def resources(request: Request) -> Resources:
    return resources_of(request)


ResourcesDep = Annotated[Resources, Depends(resources)]


def recognised(request: Request) -> Principal:
    """Whose key or cookie this is. A key is looked at first: it needs no defence against others'
    pages, which a browser sends a cookie from too."""
    resources = resources_of(request)
    scheme, said = get_authorization_scheme_param(request.headers.get("authorization"))
    token = said if scheme.lower() == "bearer" else ""  # a proxy may ask for a scheme of its own
    cookie = None if token else cookies.read(request)
    if not token and cookie is None:
        raise NotAuthenticated("Send an API key as `Authorization: Bearer la_…`.")
    with resources.recognising(request), resources.database.autocommit() as connection:
        if cookie is None:
            found = authenticate(connection, token)
        else:
            cookies.refuse_foreign(request)
            found = sessions.authenticate(connection, cookie)
    resources.calls.count(found.key_id)
    resources.last_used.record(found)
    return _calling(found, request)


def provider(request: Request, resources: ResourcesDep) -> oidc.Provider:
    """Where people sign in elsewhere, for pages of our own alone."""
    if resources.provider is None:
        raise NotFound("People sign in with keys here: OpenID Connect is not set up.")
    resources.calls.count(address_of(request) or "")
    with resources.recognising(request):
        cookies.refuse_foreign(request)
    return resources.provider


ProviderDep = Annotated[oidc.Provider, Depends(provider)]


def newcomer(
    request: Request, resources: ResourcesDep, provider: ProviderDep, answer: SignInAnswer
) -> Principal:
    """Who comes back from the provider. No transaction is open while it is asked."""
    with resources.recognising(request):
        attempt = oidc.Attempt.read(cookies.read_attempt(request), state=answer.state)
        claims = provider.claims(answer.code, attempt)
        with resources.database.write() as session:
            found = oidc.person_of(session, claims, resources.settings)
    return _calling(found, request)


Newcomer = Annotated[Principal, Depends(newcomer)]


def _calling(found: Principal, request: Request) -> Principal:
    return replace(found, address=address_of(request), request_id=request.state.request_id)


def address_of(request: Request) -> str | None:
    return request.client.host if request.client else None


async def storage(request: Request) -> Storage:
    return resources_of(request).storage


async def settings(request: Request) -> Settings:
    return resources_of(request).settings


async def bucket(request: Request) -> UploadBucket:
    found = resources_of(request).bucket
    if found is None:
        raise NotFound(
            "Files come through the service here: no bucket is set up. Send yours to /v1/uploads, "
            "by tus.",
            type="no-bucket",
        )
    return found


# Opened for the route's `caller` by `service.api.routing`, in the thread the route runs in: it is
# committed before the answer is sent, which means that it is stored.
ReadSession = Annotated[Session, Resources.read]
WriteSession = Annotated[Session, Resources.write]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=8,
        max_length=200,
        description="Made up by the caller: sent again with the same, the request is done once.",
    ),
]
StorageDep = Annotated[Storage, Depends(storage)]
SettingsDep = Annotated[Settings, Depends(settings)]
BucketDep = Annotated[UploadBucket, Depends(bucket)]


class require(SecurityBase):
    """A dependency that lets in who has one of the scopes; without any, whoever is recognised."""

    def __init__(self, *scopes: Scope) -> None:
        self.scopes = scopes
        self.model = HTTPBearer(description="An API key, `la_…`.")
        self.scheme_name = "HTTPBearer"

    def __call__(self, request: Request) -> Principal:
        caller = recognised(request)
        if self.scopes and not any(map(caller.may, self.scopes)):
            resources_of(request).note_refusal(request, caller)
            needed = " or ".join(f"`{scope}`" for scope in self.scopes)
            raise NotPermitted(
                f"This needs the scope {needed}, which your role `{caller.role}` does not "
                "give. Ask an admin of your organisation."
            )
        return caller


Anyone = Annotated[Principal, Depends(require())]
Reader = Annotated[Principal, Depends(require(Scope.review_read))]
Annotator = Annotated[Principal, Depends(require(Scope.review_write))]
Uploader = Annotated[Principal, Depends(require(Scope.datasets_write))]
Auditor = Annotated[Principal, Depends(require(Scope.audits_run))]
Exporter = Annotated[Principal, Depends(require(Scope.export))]
KeyManager = Annotated[Principal, Depends(require(Scope.admin, Scope.tenants))]
Scraper = Annotated[Principal, Depends(require(Scope.metrics))]
Operator = Annotated[Principal, Depends(require(Scope.tenants))]
