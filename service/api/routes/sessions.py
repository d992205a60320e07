"""/v1/sessions: signed-in browsers; /v1/sign-in: how to sign in."""

from typing import Annotated, Any

from fastapi import Query, Request, Response

from labelaudit.schemas import Page, SessionRead, SignInAddress, SignInOptions
from service.accounts import oidc, sessions
from service.api import cookies, presenters
from service.api.dependencies import (
    Anyone,
    OidcCaller,
    ProviderDep,
    ReadSession,
    ResourcesDep,
    SettingsDep,
    WriteSession,
)
from service.api.document import documented
from service.api.pages import Cursor, Limit, slice_of
from service.api.routing import TransactionRouter
from service.core.errors import NotPermitted
from service.db.tables import BrowserSession

router = TransactionRouter(prefix="/v1", tags=["sessions"], responses=documented())


@router.get("/sign-in", response_model=SignInOptions)
def read_sign_in_options(request: Request, settings: SettingsDep) -> dict[str, Any]:
    """Whether this browser is signed in, and how it can sign in. No authentication needed."""
    return {
        "signed_in": cookies.read(request) is not None,
        "oidc_title": settings.oidc_title if settings.oidc_issuer else None,
    }


@router.post("/sign-in/oidc", response_model=SignInAddress, responses=documented(429, 503))
def begin_oidc_sign_in(
    request: Request, response: Response, provider: ProviderDep
) -> dict[str, str]:
    """Start single sign-on (OpenID Connect). Send the browser to `address`; it returns to
    `/sign-in` with a code. Needs `X-CSRF`, but no authentication."""
    attempt = oidc.SignInAttempt.new()
    address = provider.authorization_url(attempt)
    cookies.write_attempt(request, response, attempt)
    return {"address": address}


@router.post("/sign-in/oidc/code", status_code=204, responses=documented(429, 503))
def create_session_with_code(
    request: Request, response: Response, resources: ResourcesDep, caller: OidcCaller
) -> None:
    """Finish single sign-on with the code: the response sets the session cookie. The same browser
    must have started it within ten minutes. Needs `X-CSRF`, but no authentication."""
    with resources.write(caller) as session:
        _, token = sessions.begin(
            session,
            caller,
            how="oidc",
            browser=request.headers.get("user-agent"),
            at_most=resources.settings.sessions_per_person,
        )
    cookies.clear_attempt(request, response)
    cookies.write(request, response, token)


@router.post("/sessions", status_code=201, response_model=SessionRead)
def create_session(
    request: Request,
    response: Response,
    settings: SettingsDep,
    session: WriteSession,
    caller: Anyone,
) -> dict[str, Any]:
    """Sign this browser in with the request's API key: the response sets a cookie that scripts
    cannot read. Changes made with the cookie need the header `X-CSRF`. If you are signed in with
    too many browsers, the oldest session ends."""
    begun, token = sessions.begin(
        session,
        caller,
        how="key",
        browser=request.headers.get("user-agent"),
        at_most=settings.sessions_per_person,
    )
    cookies.write(request, response, token)
    response.headers["Location"] = f"/v1/sessions/{begun.id}"
    return {**begun.to_dict(), "owner": presenters.person(caller), "current": True}


@router.get("/sessions", response_model=Page[SessionRead])
def list_sessions(
    session: ReadSession,
    caller: Anyone,
    everybody: Annotated[
        bool, Query(description="List the whole organisation's; for admins.")
    ] = False,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """List your active sessions, newest first."""
    if everybody and not caller.manages_keys:
        raise NotPermitted("Only admins can list other people's sessions.")
    found = sessions.list_sessions(session, None if everybody else caller.key_id)
    return slice_of([_shown(row, name, caller) for row, name in found], cursor, limit)


@router.delete("/sessions", status_code=204)
def end_sessions(
    request: Request, response: Response, session: WriteSession, caller: Anyone
) -> None:
    """End all your sessions."""
    sessions.end_all(session, caller.key_id)
    cookies.clear(request, response)


@router.delete("/sessions/current", status_code=204)
def end_session(
    request: Request, response: Response, session: WriteSession, caller: Anyone
) -> None:
    """Sign this browser out."""
    if caller.session_id is not None:
        sessions.end(session, caller.session_id)
    cookies.clear(request, response)


@router.delete("/sessions/{session_id}", status_code=204)
def end_other_session(session: WriteSession, caller: Anyone, session_id: str) -> None:
    """End another session: your own or, for admins, anybody's in the organisation."""
    sessions.end(session, session_id)


def _shown(row: BrowserSession, name: str, caller: Anyone) -> dict[str, Any]:
    owner = {"id": row.key_id, "name": name}
    return {**row.to_dict(), "owner": owner, "current": row.id == caller.session_id}
