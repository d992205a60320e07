"""The `type` of every problem leads to a page that explains it."""

import ast
import re
from pathlib import Path

import pytest

from service.core import errors
from service.core.problem_types import TYPES

ROOT = Path(errors.__file__).parents[2]
KEBAB = re.compile(r"[a-z]+(-[a-z]+)*")


def constants() -> set[str]:
    """Every text constant of the service and the worker."""
    found = set()
    for folder in ("service", "worker"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.name == "problem_types.py":
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value.removeprefix("/problems/"))
    return found


def named_as_types() -> set[str]:
    """What the code passes as `type=` to an error."""
    found = set()
    for folder in ("service", "worker"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                    continue
                if not issubclass(getattr(errors, node.func.id, object), errors.ServiceError):
                    continue
                found |= {
                    keyword.value.value
                    for keyword in node.keywords
                    if keyword.arg == "type"
                    and isinstance(keyword.value, ast.Constant)
                    and isinstance(keyword.value.value, str)
                }
    return found


def test_every_type_that_the_code_names_is_explained():
    assert len(named_as_types()) > 30
    assert named_as_types() - set(TYPES) == set()


# Words with hyphens that are no types: headers, file names, formats, settings.
OTHER = {
    "array-manifest",
    "change-me",
    "content-disposition",
    "content-length",
    "content-transfer-encoding",
    "content-type",
    "decimal-comma",
    "failed-sign-ins",
    "grouped-point",
    "if-none-match",
    "image-manifest",
    "label-studio",
    "labelaudit-attempt",
    "labelaudit-core",
    "labelaudit-data",
    "labelaudit-rate",
    "labelaudit-webhooks",
    "last-event-id",
    "missing-only",
    "negative-is-missing",
    "no-cache",
    "no-referrer",
    "no-store",
    "same-origin",
    "sec-fetch-site",
    "upload-offset",
    "user-agent",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
    "x-csrf",
    "x-request-id",
    "x-scopes",
    "zipped-table",
}


def test_every_word_that_may_be_a_type_is_explained():
    """Types also reach an error by other ways than `type=`."""
    words = {one for one in constants() if KEBAB.fullmatch(one) and "-" in one}
    assert words - set(TYPES) - OTHER == set()


def test_every_default_type_is_explained():
    kinds = [errors.ServiceError, *vars(errors).values()]
    defaults = {kind.default_type for kind in kinds if hasattr(kind, "default_type")}
    assert defaults - set(TYPES) == set()


def test_no_type_is_explained_that_the_code_cannot_name():
    computed = {"database-busy", "database-unavailable"}
    assert set(TYPES) - constants() - computed == set()


def test_explanations_are_sentences():
    for slug, (meaning, remedy) in TYPES.items():
        assert KEBAB.fullmatch(slug)
        for sentence in (meaning, remedy):
            assert sentence[0].isupper() or sentence[0] == "`", sentence
            assert sentence.endswith("."), sentence


@pytest.mark.parametrize("slug", ["not-found", "archive-bomb"])
def test_the_type_of_a_problem_is_the_address_of_its_page(anonymous, slug):
    page = anonymous.get(f"/problems/{slug}")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert TYPES[slug].meaning in page.text
    assert "Content-Security-Policy" in page.headers


def test_all_types_are_on_one_page(anonymous):
    page = anonymous.get("/problems").text
    assert all(f'href="/problems/{slug}"' in page for slug in TYPES)


def test_an_unknown_type_is_a_problem_itself(anonymous):
    answer = anonymous.get("/problems/no-such")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
