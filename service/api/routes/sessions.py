"""/v1/sessions: browsers that are signed in; /v1/sign-in: how they can."""

from typing import Annotated, Any

from fastapi import Query, Request, Response

from labelaudit.schemas import SessionRead, SignInAddress, SignInWays
from service.accounts import oidc, sessions
from service.api import cookies
from service.api.dependencies import (
    Anyone,
    Newcomer,
    ProviderDep,
    ReadSession,
    ResourcesDep,
    SettingsDep,
    WriteSession,
)
from service.api.problems import documented
from service.api.routing import TransactionRouter
from service.core.errors import NotPermitted
from service.db.tables import BrowserSession

router = TransactionRouter(prefix="/v1", tags=["sessions"], responses=documented())


@router.get("/sign-in", response_model=SignInWays)
def read_ways(request: Request, settings: SettingsDep) -> dict[str, Any]:
    """Whether the browser carries a cookie already, and how it can get one. Open to all."""
    return {
        "signed_in": cookies.read(request) is not None,
        "elsewhere": settings.oidc_title if settings.oidc_issuer else None,
    }


@router.post("/sign-in/oidc", response_model=SignInAddress, responses=documented(429, 503))
def begin_elsewhere(request: Request, response: Response, provider: ProviderDep) -> dict[str, str]:
    """Begin to sign in with the organisation's own provider (OpenID Connect). The browser goes to
    `address`, and comes back to `/sign-in` with a code. Needs `X-CSRF`; open to all."""
    attempt = oidc.Attempt.new()
    address = provider.address_for(attempt)
    cookies.write_attempt(request, response, attempt)
    return {"address": address}


@router.post("/sign-in/oidc/code", status_code=204, responses=documented(429, 503))
def begin_session_with_code(
    request: Request, response: Response, resources: ResourcesDep, caller: Newcomer
) -> None:
    """Sign the browser in that came back with a code: the answer sets the cookie. The same browser
    must have begun it within ten minutes. Needs `X-CSRF`; open to all."""
    with resources.write(caller) as session:
        token = sessions.begin(
            session, caller, how="oidc", browser=request.headers.get("user-agent")
        )
    cookies.clear_attempt(request, response)
    cookies.write(request, response, token)


@router.post("/sessions", status_code=204)
def begin_session(
    request: Request, response: Response, session: WriteSession, caller: Anyone
) -> None:
    """Sign this browser in with the API key of the call: the answer sets a cookie that scripts
    cannot read. With it, every change needs the header `X-CSRF` too."""
    token = sessions.begin(session, caller, how="key", browser=request.headers.get("user-agent"))
    cookies.write(request, response, token)


@router.get("/sessions", response_model=list[SessionRead])
def list_sessions(
    session: ReadSession,
    caller: Anyone,
    everybody: Annotated[bool, Query(description="Of the whole organisation; for admins.")] = False,
) -> list[dict[str, Any]]:
    """Where one is signed in, newest first."""
    if everybody and not caller.manages_keys:
        raise NotPermitted("Only an admin sees where others are signed in.")
    found = sessions.list_sessions(session, None if everybody else caller.key_id)
    return [_shown(row, caller) for row in found]


@router.delete("/sessions", status_code=204)
def end_sessions(
    request: Request, response: Response, session: WriteSession, caller: Anyone
) -> None:
    """Sign out everywhere."""
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
    """Sign another browser out: one's own, or for admins anybody's of the organisation."""
    sessions.end(session, session_id)


def _shown(row: BrowserSession, caller: Anyone) -> dict[str, Any]:
    return {**row.to_dict(), "current": row.id == caller.session_id}
