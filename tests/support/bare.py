"""An environment with the light package only: labelaudit, httpx, pydantic, what they require."""

import os
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import labelaudit

BASE = ("httpx", "pydantic")
SOURCES = Path(labelaudit.__file__).parents[1]


def bare_environment(folder: Path, *sources: str) -> Path:
    """The folder, filled with links to exactly those packages, and to more of our own sources."""
    for name in ("labelaudit", *sources):
        (folder / name).symlink_to(SOURCES / name)
    for name in _closure(*BASE):
        package = distribution(name)
        for top in {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}:
            (folder / top).symlink_to(Path(str(package.locate_file(top))))
    return folder


def run_bare(environment: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run an interpreter that finds nothing but the environment."""
    return subprocess.run(
        [sys.executable, "-S", *arguments],
        env={"PYTHONPATH": str(environment), "PATH": os.environ["PATH"]},
        cwd=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def printed(environment: Path, script: str) -> list[str]:
    """The words that a script prints there."""
    done = run_bare(environment, "-c", script)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def _closure(*names: str) -> set[str]:
    """The packages, and everything that they require without extras."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        found.add(name)
        requirements = map(Requirement, distribution(name).requires or ())
        waiting += [
            one.name for one in requirements if not one.marker or one.marker.evaluate({"extra": ""})
        ]
    return found
