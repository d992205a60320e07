"""The project layout shows what there is."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHOWN = ("labelaudit", "service", "worker", "migrations", "benchmarks")


def documented_tree() -> set[str]:
    """The folders in the tree of CONTRIBUTING.md, put together from its indentation."""
    block = (
        (ROOT / "CONTRIBUTING.md").read_text().rpartition("## Project layout")[2].split("```")[1]
    )
    found, folders = set(), dict[int, str]()
    for line in block.splitlines():
        match = re.match(r"( *)(\S+/) ", line)
        if match:
            depth = len(match[1]) // 2
            folders[depth] = (folders[depth - 1] if depth else "") + match[2]
            found.add(folders[depth].rstrip("/"))
    return found


def tracked(*kinds: str) -> list[str]:
    command = ["git", "ls-files", *kinds]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return listed.split()


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="only a checkout knows its files")
def test_every_package_has_its_line_in_the_layout() -> None:
    packages = {str(Path(path).parent) for path in tracked(*(f"{top}/**.py" for top in SHOWN))}
    web = {path for path in packages if path.startswith("service/web/")}
    assert {path for path in documented_tree() if path.startswith(SHOWN)} == packages - web


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="only a checkout knows its files")
def test_every_source_file_says_what_it_is_for() -> None:
    silent = [
        path
        for path in tracked(*(f"{top}/**.py" for top in SHOWN))
        if (source := (ROOT / path).read_text()) and not source.startswith('"""')
    ]
    assert silent == []
