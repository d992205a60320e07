"""Every path, link and anchor that a document names exists, and every page is two clicks away."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATH = re.compile(r"`((?:service|worker|labelaudit|migrations|scripts|tests|docs)/[\w./-]*\w/?)`")
SCRIPT = re.compile(r"(?<![\w./-])scripts/[\w.-]*\w")
MODULE = re.compile(r"python -m ((?:service|worker|benchmarks|scripts|tests)[\w.]*)")
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]*)(?:#([\w-]+))?\)")
DOCUMENTS = [*sorted(ROOT.glob("[A-Z]*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
FIRST_SCREEN = 65  # lines
MADE_BY_RUNNING = {"labelaudit/data"}


def name(document: Path) -> str:
    return str(document.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_path_that_a_document_names_exists(document: Path) -> None:
    text = document.read_text()
    named = {*PATH.findall(text), *SCRIPT.findall(text)} - MADE_BY_RUNNING
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_module_that_a_document_runs_exists(document: Path) -> None:
    places = {one: ROOT / one.replace(".", "/") for one in MODULE.findall(document.read_text())}
    missing = [
        module
        for module, place in places.items()
        if not (place.with_suffix(".py").exists() or (place / "__main__.py").exists())
    ]
    assert missing == []


def anchors_of(document: Path) -> set[str]:
    """The anchors that a Markdown viewer makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


def links_of(document: Path, lines: int | None = None) -> list[tuple[Path, str]]:
    """The relative links of a document, or of its first lines: the file and the anchor."""
    text = "\n".join(document.read_text().splitlines()[:lines])
    return [
        ((document.parent / target).resolve() if target else document, anchor)
        for target, anchor in LINK.findall(text)
        if "://" not in target and not target.startswith("mailto:")
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_link_leads_somewhere(document: Path) -> None:
    broken = [
        f"{target}#{anchor}"
        for target, anchor in links_of(document)
        if not target.exists() or (anchor and anchor not in anchors_of(target))
    ]
    assert broken == []


def test_every_page_is_two_clicks_from_the_first_screen_of_the_readme() -> None:
    first = {target for target, _ in links_of(ROOT / "README.md", FIRST_SCREEN)}
    second = {
        target
        for page in first
        if page.suffix == ".md" and page.exists()
        for target, _ in links_of(page)
    }
    numbered = set((ROOT / "docs" / "decisions").glob("0*.md"))  # behind their own list
    assert sorted(map(name, {*DOCUMENTS} - {ROOT / "README.md"} - first - second - numbered)) == []
