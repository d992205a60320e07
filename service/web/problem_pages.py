"""/problems and /problems/{type}: the pages that the `type` of an error leads to."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from service.core.errors import NotFound
from service.core.problem_types import TYPES
from service.web.routes import HEADERS
from service.web.templating import templates

router = APIRouter(include_in_schema=False)


@router.get("/problems")
def list_problems() -> HTMLResponse:
    """Every type of problem."""
    return _page(sorted(TYPES))


@router.get("/problems/{slug}")
def read_problem(slug: str) -> HTMLResponse:
    """One type of problem."""
    if slug not in TYPES:
        raise NotFound(f"There is no problem type {slug!r}. /problems lists them all.")
    return _page([slug])


def _page(slugs: list[str]) -> HTMLResponse:
    shown = [(slug, TYPES[slug]) for slug in slugs]
    return HTMLResponse(
        templates.get_template("problems.html").render(problems=shown), headers=HEADERS
    )
