"""Routes, commands, options, settings, roles and figures in the documents are those of the code."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer

from labelaudit.enums import Role
from service.cli.app import app
from service.core import settings_document
from service.core.config import Settings
from service.core.secret_files import PREFIX
from tests.project.test_document_links import DOCUMENTS, ROOT, name

ABOUT_THE_PAST = {ROOT / "CHANGELOG.md", ROOT / "docs" / "upgrading.md"}
PRESENT = [document for document in DOCUMENTS if document not in ABOUT_THE_PAST]

ROUTE = re.compile(
    r"(?:\b(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) )?(?:/v1|\$api)((?:/[\w{}$… .-]+)+)"
)
ENDING = re.compile(r"`(?:(GET|POST|PUT|PATCH|DELETE) )?…((?:/[\w{}$… .-]+)+)")
COMMAND = re.compile(r"^(?:\$ |# |[\w./-]*/)?labelaudit ((?:[a-z][a-z|-]* ?)+)(.*)", re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
SETTING = re.compile(rf"\b{PREFIX}([A-Z0-9_]+)\b")
ROLE = re.compile(r"\brole `(\w+)`")
MEASURED = re.compile(
    r"\(\[[^\]]+\]\((?:\.\./)?(lab/[\w-]+\.md)[^)]*\)\)|\| \[measured\]\((lab/[\w-]+\.md)"
)
FIGURE = re.compile(r"(?<![\w.])(?:\d[\d,]*)?\.?\d+(?![\w.]*\w)")

READ_ELSEWHERE = {  # by the client, the tests, docker-compose.yml
    "URL", "TOKEN", "SECRETS", "BIND", "CPU_WORKER_ALSO", "CHROMIUM",
    "TEST_DATABASE_URL", "TEST_REDIS_URL", "TEST_S3_URL",
}  # fmt: skip
DATABASE_ROLES = {"labelaudit_app"}
Routes = dict[str, set[str]]


def shape(path: str) -> str:
    """A path with every id, variable and wildcard as `{}`."""
    path = path.split("?")[0].rstrip(" .")
    return re.sub(r"\{[^}]*\}|\$\w+|\w*…\w*", "{}", path)


@pytest.fixture(scope="module")
def routes() -> Routes:
    """The methods of each path."""
    document = json.loads((ROOT / "tests" / "service" / "api" / "openapi.json").read_text())
    return {
        shape(path): {method.upper() for method in operations}
        for path, operations in document["paths"].items()
    }


def is_served(path: str, method: str, routes: Routes) -> bool:
    found = [known for known in routes if re.fullmatch(pattern(known), path)]
    return any(not method or method in routes[known] for known in found)


def pattern(known: str) -> str:
    """What a document may write for a path: any word where the path has a variable."""
    return re.escape(known).replace(r"\{\}", r"[^/]+")


def wrong_routes(text: str, routes: Routes) -> list[str]:
    wrong = [
        f"{method} /v1{path}"
        for method, path in ROUTE.findall(text)
        if not is_served("/v1" + shape(path.split(" ")[0]), method, routes)
    ]
    return wrong + [
        f"{method} …{path}"
        for method, path in ENDING.findall(text)
        if not any(
            re.search(rf"{pattern(shape(path.split(' ')[0]))}$", known)
            or re.search(rf"{pattern(known.removeprefix('/v1'))}$", path)
            for known in routes
        )
    ]


@pytest.mark.parametrize("document", PRESENT, ids=name)
def test_every_route_that_a_document_names_is_served(document: Path, routes: Routes) -> None:
    assert wrong_routes(document.read_text(), routes) == []


def test_a_route_that_is_not_served_is_found(routes: Routes) -> None:
    text = "`GET /v1/audits/{id}/class-pairs`, `GET /v1/audits/{id}/pairs`, `POST …/pairs`"
    assert wrong_routes(text, routes) == ["GET /v1/audits/{id}/pairs", "POST …/pairs"]


def commands() -> Any:
    """The root of the command line; Typer brings its own Click, whose types it does not export."""
    return typer.main.get_command(app)


def options_of(command: Any) -> set[str]:
    own = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    return own | {"--help"}


def resolve(words: list[str], command: Any) -> tuple[list[Any], str | None]:
    """The commands that the words name, `add|remove` naming two, or the word that none has."""
    for word in words:
        if not hasattr(command, "commands"):
            break
        found = [command.commands.get(one) for one in word.split("|")]
        if None in found:
            return [], word
        if len(found) > 1:
            return found, None
        command = found[0]
    return [command], None


def wrong_commands(text: str) -> list[str]:
    wrong = []
    spans = [span for span in CODE.findall(text) if span.startswith("labelaudit ")]
    indented = [line.strip() for line in text.splitlines() if line.startswith(("    ", "\t"))]
    fenced = re.findall(r"^```(?:sh|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = "\n".join([*spans, *indented, *fenced])
    for words, rest in COMMAND.findall(lines):
        found, unknown = resolve(words.split(), commands())
        if unknown:
            wrong.append(f"labelaudit {unknown}")
        known = set().union(*(options_of(one) for one in found)) if found else set()
        said = OPTION.findall(rest.split(" # ")[0])
        wrong += [f"{words.strip()} {option}" for option in said if found and option not in known]
    return wrong


@pytest.mark.parametrize("document", PRESENT, ids=name)
def test_every_command_that_a_document_names_exists(document: Path) -> None:
    assert wrong_commands(document.read_text()) == []


def test_a_command_or_an_option_that_does_not_exist_is_found() -> None:
    text = "`labelaudit audits ds_1`, `labelaudit report --tier x`, `labelaudit members add|drop k`"
    assert wrong_commands(text) == ["labelaudit audits", "report --tier", "labelaudit add|drop"]


@pytest.mark.parametrize("document", PRESENT, ids=name)
def test_every_setting_that_a_document_names_exists(document: Path) -> None:
    known = {field.upper() for field in Settings.model_fields}
    known |= {f"{one}_FILE" for one in known} | READ_ELSEWHERE
    assert sorted(set(SETTING.findall(document.read_text())) - known) == []


@pytest.mark.parametrize("document", PRESENT, ids=name)
def test_every_role_that_a_document_names_exists(document: Path) -> None:
    named = set(ROLE.findall(document.read_text())) - DATABASE_ROLES
    assert named <= {role.value for role in Role}


def figures(text: str) -> set[str]:
    """The numbers of a text: `1,000,000` and `0.72` as `1000000` and `.72`."""
    return {found.replace(",", "").lstrip("0") for found in FIGURE.findall(text)} - {""}


def unfounded_figures(document: Path) -> list[str]:
    """Figures beside a link to the lab that the lab's page doesn't have."""
    wrong = []
    text = re.sub(r"\n(?![\n|#-])", " ", document.read_text())
    for sentence in re.split(r"(?<=[.:)])\s+(?=[A-Z|])|\n", text):
        for pages in MEASURED.findall(sentence):
            page = ROOT / "docs" / next(filter(None, pages))
            said = figures(re.sub(r"\]\([^)]*\)", "", sentence))
            wrong += [f"{one}: {page.name}" for one in sorted(said - figures(page.read_text()))]
    return wrong


@pytest.mark.parametrize("document", PRESENT, ids=name)
def test_every_figure_beside_a_link_to_the_lab_is_in_the_lab(document: Path) -> None:
    assert unfounded_figures(document) == []


def test_a_figure_that_the_lab_does_not_have_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("An import takes 9.4 s, at .47 of `COPY` ([measured](lab/speed.md)).\n")
    assert unfounded_figures(page) == [".47: speed.md"]


def test_the_table_of_the_settings_is_up_to_date() -> None:
    text = settings_document.DOCUMENT.read_text()
    assert settings_document.document(text) == text, "run python -m service.core.settings_document"


def test_every_setting_has_a_description() -> None:
    silent = [name for name, field in Settings.model_fields.items() if not field.description]
    assert silent == []


def test_the_guide_counts_its_requests() -> None:
    guide = (ROOT / "docs" / "api-guide.md").read_text()
    assert guide.partition("## More use cases")[0].count("curl -sSf") == 9
    assert "Nine requests" in guide
