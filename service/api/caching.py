"""How answers may be cached. By default no answer of the API is stored; what is worth keeping is
revalidated with each use, since access to it can end."""

import hashlib

from fastapi import Request, Response

PREFIX = "/v1/"
NOT_STORED = "no-store"
REVALIDATED = "private, no-cache"  # may be kept by the browser, and is asked about each time


def etag_of(*parts: object) -> str:
    """A validator that changes with any of the parts."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()
    return f'"{digest[:32]}"'


def unchanged(request: Request, etag: str) -> Response | None:
    """The 304 for a caller who has this version already."""
    known = request.headers.get("if-none-match", "").split(",")
    if not {"*", etag.removeprefix("W/")}.intersection(
        one.strip().removeprefix("W/") for one in known
    ):
        return None
    return Response(status_code=304, headers=revalidated(etag))


def revalidated(etag: str) -> dict[str, str]:
    return {"ETag": etag, "Cache-Control": REVALIDATED}
