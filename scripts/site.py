"""The documents as a static, searchable website with one folder per version.

    scripts/site            # into build/site; a broken link or a page outside the navigation fails
    scripts/site serve      # the same, then served on http://127.0.0.1:8322

GitHub shows the Markdown as it lies in the repository. The website needs an `index.md` in each
folder and nothing outside of it, so a copy is made first, with its links adjusted. The navigation
is the list in docs/README.md.
"""

import argparse
import functools
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPY, SITE = ROOT / "build" / "docs", ROOT / "build" / "site"
PORT = 8322
OUTSIDE = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")  # shown as well
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
LINK = re.compile(r"(!?\[[^\]]*\]\()([^)#\s]+)([^)]*\))")
ENTRY = re.compile(r"^- \[([^\]]+)\]\(([^)]+)\)")
SETTINGS = {
    "site_name": "labelaudit",
    "use_directory_urls": False,
    "docs_dir": "docs",
    "theme": {
        "name": "material",
        "font": False,  # nothing is loaded from other hosts
        "language": "en",
        "features": [
            "navigation.sections",
            "navigation.indexes",
            "content.code.copy",
            "toc.follow",
        ],
        "palette": [{"scheme": "default"}],
    },
    "extra": {"version": {"provider": "mike"}, "generator": False},
    "markdown_extensions": [
        "admonition",
        "attr_list",
        "tables",
        "toc",
        "pymdownx.superfences",
        {"pymdownx.tabbed": {"alternate_style": True}},
    ],
}


def version() -> str:
    """The minor version: patch releases share their documents."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return ".".join(project["version"].split(".")[:2])


def copied(path: Path) -> Path:
    """Where a document of the repository lies in the copy."""
    if path.is_relative_to(ROOT / "docs"):
        inside = path.relative_to(ROOT / "docs")
        return COPY / (inside.with_name("index.md") if inside.name == "README.md" else inside)
    return COPY / "project" / path.name.lower()


def with_links_of_the_copy(text: str, source: Path) -> str:
    """The text of a document with every relative link leading to the target's place in the copy."""

    def adjust(match: re.Match[str]) -> str:
        target = match[2]
        if "://" in target or target.startswith("mailto:"):
            return match[0]
        path = (source.parent / target).resolve()
        there = os.path.relpath(copied(path), copied(source).parent)
        return f"{match[1]}{there}{match[3]}"

    return LINK.sub(adjust, text)


def copy_documents() -> None:
    shutil.rmtree(COPY, ignore_errors=True)
    shutil.copytree(ROOT / "docs", COPY, ignore=shutil.ignore_patterns("*.md"))
    documents = [*(ROOT / "docs").rglob("*.md"), *(ROOT / name for name in OUTSIDE)]
    for document in documents:
        there = copied(document)
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text(with_links_of_the_copy(document.read_text(), document))


def navigation() -> list[dict[str, object]]:
    """The sections of docs/README.md with their pages."""
    sections: list[dict[str, object]] = [{"Home": ["index.md", {"About": "project/readme.md"}]}]
    pages: list[dict[str, str]] = []
    for line in (COPY / "index.md").read_text().splitlines():
        if line.startswith("## "):
            pages = []
            sections.append({line[3:]: pages})
        elif entry := ENTRY.match(line):
            pages.append({entry[1]: os.path.normpath(entry[2])})
    numbered = sorted(path.name for path in (COPY / "decisions").glob("0*.md"))
    sections.append({"Decisions": [f"decisions/{name}" for name in numbered]})
    return sections


def pages_of(entries: object) -> set[str]:
    """Every page that a part of the navigation names."""
    if isinstance(entries, str):
        return {entries}
    parts = entries.values() if isinstance(entries, dict) else entries
    assert not isinstance(parts, (int, float))
    return set().union(*(pages_of(part) for part in parts))  # type: ignore[attr-defined]


def missing_pages(sections: list[dict[str, object]]) -> list[str]:
    """The pages that no entry of the navigation leads to."""
    every = {str(path.relative_to(COPY)) for path in COPY.rglob("*.md")}
    return sorted(every - pages_of(sections))


def build() -> Path:
    copy_documents()
    sections = navigation()
    if missing := missing_pages(sections):
        raise SystemExit(f"docs/README.md lists no link to: {', '.join(missing)}")
    config = COPY.parent / "mkdocs.yml"
    settings = {**SETTINGS, "site_dir": f"site/{version()}", "nav": sections}
    config.write_text(json.dumps(settings, indent=1))  # JSON is YAML
    command = [sys.executable, "-m", "zensical", "build", "--strict", "-f", str(config)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(COLOUR.sub("", done.stdout + done.stderr).partition("Traceback")[0])
    add_version(version())
    return SITE / version()


def add_version(newest: str) -> None:
    """List the folders of all versions, which the page's menu reads, and open the newest one."""
    folders = sorted(
        (path.parent.name for path in SITE.glob("*/index.html")),
        key=lambda name: [int(part) for part in name.split(".")],
        reverse=True,
    )
    listed = [{"version": name, "title": name, "aliases": []} for name in folders]
    (SITE / "versions.json").write_text(json.dumps(listed))
    (SITE / "index.html").write_text(
        f'<!doctype html><meta charset="utf-8"><title>labelaudit</title>'
        f'<meta http-equiv="refresh" content="0; url={newest}/index.html">'
        f'<a href="{newest}/index.html">labelaudit {newest}</a>\n'
    )


def serve() -> None:
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", PORT), handler) as server:
        print(f"http://127.0.0.1:{PORT}/")
        server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", nargs="?", choices=["build", "serve"], default="build")
    task = parser.parse_args().task
    where = build()
    print(f"Built {where.relative_to(ROOT)}")
    if task == "serve":
        serve()


if __name__ == "__main__":
    main()
