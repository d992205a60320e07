"""The README shows what there is."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHOWN = ("service", "worker", "migrations", "benchmarks")
UNSHOWN = ("__init__.py", "py.typed")
UNSHOWN_KINDS = (".css", ".svg")


def tree_of_the_readme() -> set[str]:
    """The paths in the README's tree, put together from its indentation."""
    block = (ROOT / "README.md").read_text().rpartition("## What lies where")[2].split("```")[1]
    found, folders = set(), dict[int, str]()
    for line in block.splitlines():
        match = re.match(r"( *)(\S+)", line)
        if not match:
            continue
        depth, name = len(match[1]) // 2, match[2]
        path = (folders[depth - 1] if depth else "") + name
        if name.endswith("/"):
            folders[depth] = path
        else:
            found.add(path)
    return found


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="only a checkout knows its files")
def test_every_source_file_has_its_line_in_the_readme() -> None:
    command = ["git", "ls-files", *SHOWN]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    sources = {
        path
        for path in listed.split()
        if Path(path).name not in UNSHOWN and Path(path).suffix not in UNSHOWN_KINDS
    }
    assert {path for path in tree_of_the_readme() if path.startswith(SHOWN)} == sources
