"""The review page: one HTML shell and its static files. It does nothing but call the API."""

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

router = APIRouter(include_in_schema=False)

HERE = Path(str(files("service.web")))
SHELL = (HERE / "templates" / "page.html").read_text(encoding="utf-8")
STATIC = StaticFiles(directory=HERE / "static")

# Names in a dataset are untrusted, so nothing inline and nothing from elsewhere may ever run.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",  # kept, but asked for again with its ETag
}


@router.get("/")
@router.get("/sign-in")
@router.get("/audits/{audit_id}")
@router.get("/audits/{audit_id}/grid")
@router.get("/audits/{audit_id}/overview")
@router.get("/audits/{audit_id}/team")
def page(request: Request) -> HTMLResponse:
    """The shell; its script looks at the address and shows the view that belongs to it. It may send
    files to the service's bucket, and call nobody else."""
    headers, bucket = HEADERS, request.app.state.resources.bucket
    if bucket is not None:
        allowed = POLICY.replace("connect-src 'self'", f"connect-src 'self' {bucket.origin}")
        headers = {**HEADERS, "Content-Security-Policy": allowed}
    return HTMLResponse(SHELL, headers=headers)


@router.get("/static/{name:path}")
async def static(request: Request, name: str) -> Response:
    """A script, a style sheet or the icon; 304 where the browser has it already."""
    response = await STATIC.get_response(name, request.scope)
    response.headers.update(HEADERS)
    return response
