"""The cookies of a browser that is signed in, or is signing in elsewhere, and the defence against
pages of others that make them be sent.

Over TLS its name begins with `__Host-`, which no other host, path or plain connection can set. On
plain HTTP, which is for one machine, the port is in the name: browsers share cookies between ports.
"""

from datetime import timedelta

from fastapi import Request, Response

from service.accounts import oidc, sessions
from service.core.errors import NotPermitted

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
CSRF_HEADER = "x-csrf"


SIGNED_IN, ATTEMPT = "labelaudit", "labelaudit-attempt"


def name(request: Request, purpose: str = SIGNED_IN) -> str:
    if request.url.scheme == "https":
        return f"__Host-{purpose}"
    return f"{purpose}-{request.url.port or 80}"


def read(request: Request) -> str | None:
    return request.cookies.get(name(request))


def write(request: Request, response: Response, token: str) -> None:
    _set(request, response, SIGNED_IN, token, sessions.LIFETIME)


def clear(request: Request, response: Response) -> None:
    _set(request, response, SIGNED_IN, "", timedelta(0))


def read_attempt(request: Request) -> str | None:
    return request.cookies.get(name(request, ATTEMPT))


def write_attempt(request: Request, response: Response, attempt: oidc.Attempt) -> None:
    _set(request, response, ATTEMPT, attempt.cookie, oidc.Attempt.LASTS)


def clear_attempt(request: Request, response: Response) -> None:
    _set(request, response, ATTEMPT, "", timedelta(0))


def _set(request: Request, response: Response, purpose: str, value: str, lasts: timedelta) -> None:
    response.set_cookie(
        name(request, purpose),
        value,
        max_age=int(lasts.total_seconds()),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )


def refuse_foreign(request: Request) -> None:
    """Raises NotPermitted for a change that a page of another origin may have asked for.

    A foreign page can send neither the header, without a CORS permission that nobody gets, nor an
    `Origin` of ours.
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
            "A change with a cookie needs the header `X-CSRF` and must come from this service's "
            "own pages. Programs send an API key as `Authorization: Bearer la_…` instead.",
            type="cross-site",
        )
