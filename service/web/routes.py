"""The review page: one HTML shell and its static files. It is a client of the API."""

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from service.web.templating import templates

router = APIRouter(include_in_schema=False)

SHELL = templates.get_template("page.html").render()
STATIC = StaticFiles(directory=Path(str(files("service.web"))) / "static")

# Text in a dataset is untrusted, so no inline script and no external one may run.
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
    "Cache-Control": "no-cache",  # cached, but revalidated by its ETag
}


@router.get("/")
@router.get("/sign-in")
@router.get("/audits/{audit_id}")
@router.get("/audits/{audit_id}/grid")
@router.get("/audits/{audit_id}/overview")
@router.get("/audits/{audit_id}/team")
def page(request: Request) -> HTMLResponse:
    return shell(request)


def shell(request: Request, status_code: int = 200) -> HTMLResponse:
    """The page without its content: its script shows the view that belongs to the URL. The only
    other host that it may connect to is the upload bucket."""
    headers, bucket = HEADERS, request.app.state.resources.bucket
    if bucket is not None:
        allowed = POLICY.replace("connect-src 'self'", f"connect-src 'self' {bucket.origin}")
        headers = {**HEADERS, "Content-Security-Policy": allowed}
    return HTMLResponse(SHELL, status_code, headers)


@router.get("/static/{name:path}")
async def static(request: Request, name: str) -> Response:
    """A script, a style sheet or the icon; 304 if the browser has the current one."""
    response = await STATIC.get_response(name, request.scope)
    response.headers.update(HEADERS)
    return response
