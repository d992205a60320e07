"""The copy of the documents that the website is built from."""

from pathlib import Path

import pytest

from tests.support.scripts import load_script

site = load_script("site")


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(site, "COPY", tmp_path / "docs")
    site.copy_documents()
    return tmp_path / "docs"


def test_links_lead_to_the_place_in_the_copy():
    source = site.ROOT / "docs" / "quickstart" / "images.md"
    text = "[a](README.md#x), [b](../formats.md), [c](../../CHANGELOG.md), [d](https://e.org/f.md)"
    assert site.with_links_of_the_copy(text, source) == (
        "[a](index.md#x), [b](../formats.md), [c](../project/changelog.md), [d](https://e.org/f.md)"
    )


def test_every_page_is_in_the_navigation(copy: Path):
    assert site.missing_pages(site.navigation()) == []
    (copy / "forgotten.md").write_text("# Forgotten")
    assert site.missing_pages(site.navigation()) == ["forgotten.md"]


def test_versions_are_listed_newest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(site, "SITE", tmp_path)
    for name in ("0.9", "0.10", "0.2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text("")
    site.add_version("0.10")
    listed = (tmp_path / "versions.json").read_text()
    assert listed.index("0.10") < listed.index("0.9") < listed.index("0.2")
    assert "url=0.10/index.html" in (tmp_path / "index.html").read_text()
