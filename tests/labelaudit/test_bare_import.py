"""The client runs where only httpx and pydantic are installed, and imports quickly."""

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import labelaudit

BASE = ("httpx", "pydantic")
ABSENT = ("sqlalchemy", "numpy", "pyarrow", "fastapi", "typer", "rich", "service", "worker")
MAX_IMPORT_SECONDS = 0.3
PUBLIC = [name for name in labelaudit.__all__ if name != "__version__"]


def closure(*names: str) -> set[str]:
    """The packages, and all that they require without extras."""
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


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with labelaudit, httpx, pydantic and their dependencies, and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "labelaudit").symlink_to(Path(labelaudit.__file__).parent)
    for name in closure(*BASE):
        package = distribution(name)
        for top in {file.parts[0] for file in package.files or () if ".." not in file.parts}:
            if top != "__pycache__":
                (folder / top).symlink_to(Path(str(package.locate_file(top))))
    return folder


def run(bare: Path, script: str) -> list[str]:
    """The words that a script prints in an interpreter that finds only that folder."""
    environment = {"PYTHONPATH": str(bare), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        env=environment,
        cwd=bare,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def processor_seconds(bare: Path, statement: str) -> float:
    """What a statement costs in a fresh interpreter: the best of three runs."""
    script = (
        f"import time; start = time.process_time(); {statement}; print(time.process_time() - start)"
    )
    return min(float(run(bare, script)[0]) for _ in range(3))


def test_the_client_needs_httpx_and_pydantic_only(bare: Path) -> None:
    script = f"from labelaudit import {', '.join(PUBLIC)}; import sys; print(*sys.modules)"
    loaded = {module.partition(".")[0] for module in run(bare, script)}
    assert {"labelaudit", "httpx", "pydantic"} <= loaded
    assert loaded.isdisjoint(ABSENT)


@pytest.mark.parametrize("module", ABSENT)
def test_nothing_else_is_importable_there(bare: Path, module: str) -> None:
    script = f"import importlib.util; print(importlib.util.find_spec({module!r}))"
    assert run(bare, script) == ["None"]


@pytest.mark.parametrize("module", ["labelaudit.enums", "labelaudit.schemas"])
def test_enums_and_schemas_come_without_the_client(bare: Path, module: str) -> None:
    assert "httpx" not in run(bare, f"import {module}, sys; print(*sys.modules)")


@pytest.mark.parametrize("statement", ["import labelaudit", "from labelaudit import Client"])
def test_the_import_is_quick(bare: Path, statement: str) -> None:
    seconds = processor_seconds(bare, statement)
    assert seconds < MAX_IMPORT_SECONDS, f"`{statement}` took {seconds:.3f} s of processor time"


def test_every_export_exists_and_is_sorted() -> None:
    assert labelaudit.__all__ == sorted(labelaudit.__all__)
    assert all(hasattr(labelaudit, name) for name in labelaudit.__all__)
    assert not hasattr(labelaudit, "AuditHandle")


def test_the_version_is_that_of_the_installed_package() -> None:
    try:
        assert labelaudit.__version__ == distribution("labelaudit").version
    except PackageNotFoundError:
        assert labelaudit.__version__ == "0+unknown"


def test_a_source_tree_that_is_not_installed_has_a_version_too(bare: Path) -> None:
    assert run(bare, "import labelaudit; print(labelaudit.__version__)") == ["0+unknown"]
