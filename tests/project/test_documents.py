"""What the documents name exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMING_PATHS = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/architecture.md",
    "docs/security.md",
    "docs/bad-input.md",
)
PATH = re.compile(r"`((?:service|worker|labelaudit|migrations|scripts|tests|docs)/[\w./-]*\w/?)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]*)(?:#([\w-]+))?\)")
DOCUMENTS = [ROOT / "README.md", *ROOT.glob("[A-Z]*.md"), *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("document", NAMING_PATHS)
def test_every_path_that_a_document_names_exists(document: str) -> None:
    named = set(PATH.findall((ROOT / document).read_text()))
    assert named
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


def anchors_of(document: Path) -> set[str]:
    """The anchors that a Markdown viewer makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    broken = []
    for target, anchor in LINK.findall(document.read_text()):
        if "://" in target or target.startswith("mailto:"):
            continue
        path = (document.parent / target).resolve() if target else document
        if not path.exists() or (anchor and anchor not in anchors_of(path)):
            broken.append(f"{target}#{anchor}" if anchor else target)
    assert broken == []
