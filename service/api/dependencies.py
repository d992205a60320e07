"""Dependencies of routes: the caller, a session, the storage, the settings.

A session shows what its caller may see, so it always needs a caller. Each route states the scope
that its caller needs, with one of the types at the end of this file.
"""

import base64
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Security
from fastapi.openapi.models import HTTPBase, HTTPBearer
from fastapi.security.base import SecurityBase
from fastapi.security.utils import get_authorization_scheme_param
from sqlalchemy.orm import Session

from labelaudit.enums import Scope
from labelaudit.schemas import SignInAnswer
from service.accounts import access_log, oidc, sessions
from service.accounts.api_keys import authenticate
from service.accounts.last_used import LastUsed
from service.accounts.refusals import Refusals
from service.api import cookies
from service.api.budget import Budget
from service.api.document import KEY, KEY_AS_PASSWORD
from service.api.pictures import Pictures
from service.api.rate_limit import Limit
from service.audits.event_poller import EventPoller
from service.core.config import Settings
from service.core.errors import NotAuthenticated, NotFound, NotPermitted
from service.core.principal import Principal
from service.db.engine import Database
from service.observability.metrics import Metrics
from service.storage.local import Storage
from service.storage.upload_bucket import UploadBucket


@dataclass(frozen=True)
class Resources:
    """What the application opens at startup."""

    settings: Settings
    database: Database
    storage: Storage
    metrics: Metrics
    event_poller: EventPoller
    last_used: LastUsed
    calls: Limit
    failed_sign_ins: Limit
    provider: oidc.Provider | None  # for single sign-on
    refusals: Refusals
    bucket: UploadBucket | None  # for multipart uploads
    pictures: Pictures
    budget: Budget

    def read(self, caller: Principal) -> AbstractContextManager[Session]:
        return self.database.read(caller)

    def write(self, caller: Principal) -> AbstractContextManager[Session]:
        return self.database.write(caller)

    @contextmanager
    def authenticating(self, request: Request) -> Generator[None]:
        """Wraps authentication: failures are logged, and counted per address."""
        try:
            yield
        except (NotAuthenticated, NotPermitted) as error:
            # counted after the check, so that guessing cannot lock out people with a valid key
            self.failed_sign_ins.count(address_of(request) or "")
            self.log_refusal(request, None, reason=error.detail)
            raise

    def log_refusal(self, request: Request, caller: Principal | None, **detail: str) -> None:
        """Add a refusal to the access log, or count it where there are many."""
        self.refusals.note(
            f"{request.method} {request.url.path}",
            caller=caller,
            address=address_of(request),
            request_id=request.state.request_id,
            **detail,
        )

    def log_download(self, request: Request, caller: Principal, subject: str, file: str) -> None:
        """Add a download to the access log, before its first byte is sent. HEAD sends none."""
        if request.method == "HEAD":
            return
        with self.database.write() as session:
            access_log.record(session, "download", subject, by=caller, file=file)

    def for_every_tenant(self) -> AbstractContextManager[Session]:
        """A session without a tenant filter: only for routes about the service itself."""
        return self.database.write()


def resources_of(request: Request) -> Resources:
    found: Resources = request.app.state.resources
    return found


# Simple lookups are coroutines: a thread of the pool would cost more than the lookup. Dependencies
# have few dependencies: FastAPI resolves the whole tree below each, even if it is cached.


async def resources(request: Request) -> Resources:
    return resources_of(request)


ResourcesDep = Annotated[Resources, Depends(resources)]


def authenticated(request: Request, *, as_password: bool = False) -> Principal:
    """The owner of the request's API key or cookie. The key comes first: it needs no
    defence against cross-site requests. `as_password`: it may be that of HTTP basic
    authentication."""
    resources = resources_of(request)
    scheme, credentials = get_authorization_scheme_param(request.headers.get("authorization"))
    token = credentials if scheme.lower() == "bearer" else ""  # a proxy may use another scheme
    if as_password and scheme.lower() == "basic":
        token = _password(credentials)
    cookie = None if token else cookies.read(request)
    if not token and cookie is None:
        raise NotAuthenticated("Send an API key as `Authorization: Bearer la_…`.")
    with resources.authenticating(request), resources.database.autocommit() as connection:
        if cookie is None:
            found = authenticate(connection, token)
        else:
            cookies.refuse_cross_site(request)
            found = sessions.authenticate(connection, cookie)
    resources.calls.count(found.key_id)
    resources.last_used.record(found)
    return _with_request(found, request)


def _password(credentials: str) -> str:
    """Of HTTP basic authentication; the user is not looked at."""
    try:
        user_and_password = base64.b64decode(credentials, validate=True).decode()
    except ValueError:
        raise NotAuthenticated(
            "The `Authorization` header is no valid HTTP basic authentication. Send any user, and "
            "an API key as the password."
        ) from None
    return user_and_password.partition(":")[2]


def provider(request: Request, resources: ResourcesDep) -> oidc.Provider:
    """The OIDC provider, for requests from our own pages only."""
    if resources.provider is None:
        raise NotFound("Single sign-on is not configured. Sign in with an API key.")
    resources.calls.count(address_of(request) or "")
    with resources.authenticating(request):
        cookies.refuse_cross_site(request)
    return resources.provider


ProviderDep = Annotated[oidc.Provider, Depends(provider)]


def signed_in_by_oidc(
    request: Request, resources: ResourcesDep, provider: ProviderDep, answer: SignInAnswer
) -> Principal:
    """The person who returns from the provider. No transaction is open while it is called."""
    with resources.authenticating(request):
        attempt = oidc.SignInAttempt.read(cookies.read_attempt(request), state=answer.state)
        claims = provider.claims(answer.code, attempt)
        with resources.database.write() as session:
            found = oidc.sign_in_person(session, claims, resources.settings)
    return _with_request(found, request)


OidcCaller = Annotated[Principal, Depends(signed_in_by_oidc)]


def _with_request(found: Principal, request: Request) -> Principal:
    return replace(found, address=address_of(request), request_id=request.state.request_id)


def address_of(request: Request) -> str | None:
    return request.client.host if request.client else None


async def storage(request: Request) -> Storage:
    return resources_of(request).storage


async def settings(request: Request) -> Settings:
    return resources_of(request).settings


async def bucket(request: Request) -> UploadBucket:
    return require_bucket(resources_of(request))


def require_bucket(resources: Resources) -> UploadBucket:
    if resources.bucket is None:
        raise NotFound(
            "No upload bucket is configured. Create a `resumable` upload instead.",
            type="no-bucket",
        )
    return resources.bucket


# Opened for the route's `caller` by `service.api.routing`, in the thread that runs the route, and
# committed before the response is sent.
ReadSession = Annotated[Session, Resources.read]
WriteSession = Annotated[Session, Resources.write]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=8,
        max_length=200,
        description="Any unique string. A request repeated with the same key within 30 days runs "
        "only once.",
    ),
]
StorageDep = Annotated[Storage, Depends(storage)]
SettingsDep = Annotated[Settings, Depends(settings)]
BucketDep = Annotated[UploadBucket, Depends(bucket)]


class require(SecurityBase):
    """A dependency that requires one of the scopes; without any, it accepts every authenticated
    caller."""

    def __init__(self, *scopes: Scope) -> None:
        self.scopes = scopes
        self.model = HTTPBearer()
        self.scheme_name = KEY

    def __call__(self, request: Request) -> Principal:
        caller = self.authenticate(request)
        if self.scopes and not any(map(caller.may, self.scopes)):
            resources_of(request).log_refusal(request, caller)
            needed = " or ".join(f"`{scope}`" for scope in self.scopes)
            raise NotPermitted(
                f"This needs the scope {needed}, which your role `{caller.role}` does not "
                "give. Contact an admin of your organisation."
            )
        return caller

    def authenticate(self, request: Request) -> Principal:
        return authenticated(request)


class require_from_tool(require):
    """The same for annotation tools, which can send an API key as a password only. Such routes
    change nothing: a browser sends a password that it remembers with requests of other pages."""

    def __init__(self, *scopes: Scope) -> None:
        super().__init__(*scopes)
        self.model = HTTPBase(scheme="basic")
        self.scheme_name = KEY_AS_PASSWORD

    def authenticate(self, request: Request) -> Principal:
        return authenticated(request, as_password=True)


def needing(*scopes: Scope) -> Any:
    """The caller, who needs one of the scopes, as a dependency that the document describes."""
    return Security(require(*scopes), scopes=list(scopes))


Anyone = Annotated[Principal, needing()]
Reader = Annotated[Principal, needing(Scope.review_read)]
ReadingTool = Annotated[
    Principal, Security(require_from_tool(Scope.review_read), scopes=[Scope.review_read])
]
Annotator = Annotated[Principal, needing(Scope.review_write)]
Uploader = Annotated[Principal, needing(Scope.datasets_write)]
Auditor = Annotated[Principal, needing(Scope.audits_run)]
Exporter = Annotated[Principal, needing(Scope.export)]
Administrator = Annotated[Principal, needing(Scope.admin)]
KeyManager = Annotated[Principal, needing(Scope.admin, Scope.tenants)]
Scraper = Annotated[Principal, needing(Scope.metrics)]
Operator = Annotated[Principal, needing(Scope.tenants)]
