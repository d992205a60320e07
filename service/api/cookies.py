"""The cookie of a signed-in browser, and the defence against pages of others that make it be sent.

Over TLS its name begins with `__Host-`, which no other host, path or plain connection can set. On
plain HTTP, which is for one machine, the port is in the name: browsers share cookies between ports.
"""

from fastapi import Request, Response

from service.errors import NotPermitted
from service.sign_ins import LONGEST

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
CSRF_HEADER = "x-csrf"


def name(request: Request) -> str:
    if request.url.scheme == "https":
        return "__Host-labelaudit"
    return f"labelaudit-{request.url.port or 80}"


def read(request: Request) -> str | None:
    return request.cookies.get(name(request))


def write(request: Request, response: Response, token: str) -> None:
    response.set_cookie(
        name(request),
        token,
        max_age=int(LONGEST.total_seconds()),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )


def clear(request: Request, response: Response) -> None:
    response.delete_cookie(
        name(request),
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
