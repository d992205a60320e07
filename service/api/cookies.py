"""The cookies of sessions and of sign-ins in progress, and the defence against cross-site requests.

Over TLS the names start with `__Host-`, so that no other host, path or plain connection can set
them. Over plain HTTP, for use on one machine, they contain the port: browsers share cookies between
ports.
"""

from datetime import timedelta

from fastapi import Request, Response

from service.accounts import oidc, sessions
from service.core.errors import NotPermitted

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
CSRF_HEADER = "x-csrf"
SESSION, ATTEMPT = "labelaudit", "labelaudit-attempt"


def name(request: Request, purpose: str = SESSION) -> str:
    if request.url.scheme == "https":
        return f"__Host-{purpose}"
    return f"{purpose}-{request.url.port or 80}"


def read(request: Request) -> str | None:
    return request.cookies.get(name(request))


def write(request: Request, response: Response, token: str) -> None:
    _set(request, response, SESSION, token, sessions.LIFETIME)


def clear(request: Request, response: Response) -> None:
    _set(request, response, SESSION, "", timedelta(0))


def read_attempt(request: Request) -> str | None:
    return request.cookies.get(name(request, ATTEMPT))


def write_attempt(request: Request, response: Response, attempt: oidc.SignInAttempt) -> None:
    _set(request, response, ATTEMPT, attempt.cookie, oidc.SignInAttempt.LIFETIME)


def clear_attempt(request: Request, response: Response) -> None:
    _set(request, response, ATTEMPT, "", timedelta(0))


def _set(
    request: Request, response: Response, purpose: str, value: str, lifetime: timedelta
) -> None:
    response.set_cookie(
        name(request, purpose),
        value,
        max_age=int(lifetime.total_seconds()),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )


def refuse_cross_site(request: Request) -> None:
    """Raises NotPermitted if a page of another origin may have sent a changing request.

    Such a page can neither send the header, since CORS never allows it, nor our `Origin`.
    """
    if request.method in SAFE_METHODS:
        return
    origin = request.headers.get("origin")
    own = f"{request.url.scheme}://{request.url.netloc}"
    if (
        CSRF_HEADER not in request.headers
        or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
        or (origin is not None and origin != own)
    ):
        raise NotPermitted(
            "Requests with a cookie must come from this service's own pages, with the header "
            "`X-CSRF`. Programs send an API key as `Authorization: Bearer la_…` instead.",
            type="cross-site",
        )
