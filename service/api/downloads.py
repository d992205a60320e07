"""Files to download: whole or in part, and what HEAD says of them."""

import stat
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException
from starlette.responses import MalformedRangeHeader, RangeNotSatisfiable

from service.api import caching
from service.api.document import Responses, documented

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
PARTS: Responses = {
    206: {"description": "The part that `Range` asked for."},
    416: documented(416)[416],
}
MADE_WHEN_ASKED = {"Accept-Ranges": "none"}


def download(router: APIRouter, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
    """Registers the endpoint for GET, and for HEAD outside the document: each GET may be one."""

    def register(endpoint: Endpoint) -> Endpoint:
        router.get(path, **options)(endpoint)
        router.head(path, include_in_schema=False, **options)(endpoint)
        return endpoint

    return register


def is_head(request: Request) -> bool:
    return request.method == "HEAD"


def send_file(
    request: Request, path: Path, *, filename: str, media_type: str, version: str | None = None
) -> Response:
    """A stored file as an attachment, or 304. `version` changes with its content; the file's time
    and size stand for it elsewhere."""
    found = path.stat()
    etag = caching.etag_of(version or (found.st_mtime_ns, found.st_size), filename)
    if media_type.endswith("json"):
        etag = f"W/{etag}"  # it may be compressed on its way: its parts are not those of the file
    if not_modified := caching.unchanged(request, etag):
        return not_modified
    return StoredFile(
        path,
        filename=filename,
        media_type=media_type,
        headers=caching.revalidated(etag),
        stat_result=found if stat.S_ISREG(found.st_mode) else None,
    )


def send_made(
    request: Request, content: bytes, *, media_type: str, headers: dict[str, str]
) -> Response:
    """What was made for this request, or 304 if the caller has the same."""
    etag = f"W/{caching.etag_of(sha256(content).hexdigest())}"
    if not_modified := caching.unchanged(request, etag):
        return not_modified
    said = {**headers, **caching.revalidated(etag), **MADE_WHEN_ASKED}
    if is_head(request):
        return Response(
            media_type=media_type, headers={**said, "Content-Length": str(len(content))}
        )
    return Response(content, media_type=media_type, headers=said)


class StoredFile(FileResponse):
    """Starlette's, with problems instead of plain texts. A `Range` that nobody can read is ignored,
    as RFC 9110 has it."""

    @classmethod
    def _parse_range_header(cls, http_range: str, file_size: int) -> list[tuple[int, int]]:
        try:
            return super()._parse_range_header(http_range, file_size)
        except MalformedRangeHeader:
            return []
        except RangeNotSatisfiable as error:
            raise HTTPException(
                416,
                f"The file has {file_size} bytes; `Range` asks for others.",
                {"Content-Range": f"bytes */{file_size}"},
            ) from error
