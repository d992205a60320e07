"""The client runs where only httpx and pydantic are installed, and imports quickly."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

import labelaudit
from tests.support.bare import bare_environment, printed

ABSENT = ("sqlalchemy", "numpy", "pyarrow", "fastapi", "typer", "rich", "service", "worker")
MOST = 4.0  # times what it costs to import the packages that the client needs
PUBLIC = [name for name in labelaudit.__all__ if name != "__version__"]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bare_environment(tmp_path_factory.mktemp("bare"))


def processor_seconds(bare: Path, statement: str) -> float:
    """What a statement costs in a fresh interpreter: the best of three runs."""
    script = (
        f"import time; start = time.process_time(); {statement}; print(time.process_time() - start)"
    )
    return min(float(printed(bare, script)[0]) for _ in range(3))


def test_the_client_needs_httpx_and_pydantic_only(bare: Path) -> None:
    script = f"from labelaudit import {', '.join(PUBLIC)}; import sys; print(*sys.modules)"
    loaded = {module.partition(".")[0] for module in printed(bare, script)}
    assert {"labelaudit", "httpx", "pydantic"} <= loaded
    assert loaded.isdisjoint(ABSENT)


@pytest.mark.parametrize("module", ABSENT)
def test_nothing_else_is_importable_there(bare: Path, module: str) -> None:
    script = f"import importlib.util; print(importlib.util.find_spec({module!r}))"
    assert printed(bare, script) == ["None"]


@pytest.mark.parametrize("module", ["labelaudit.enums", "labelaudit.schemas"])
def test_enums_and_schemas_come_without_the_client(bare: Path, module: str) -> None:
    assert "httpx" not in printed(bare, f"import {module}, sys; print(*sys.modules)")


@pytest.mark.parametrize("statement", ["import labelaudit", "from labelaudit import Client"])
def test_the_import_is_quick(bare: Path, statement: str) -> None:
    needed = processor_seconds(bare, "import httpx, pydantic")
    seconds = processor_seconds(bare, statement)
    assert seconds < MOST * needed, f"`{statement}` took {seconds / needed:.1f} times as long"


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
    assert printed(bare, "import labelaudit; print(labelaudit.__version__)") == ["0+unknown"]


def test_the_estimator_says_at_once_what_it_needs(bare: Path) -> None:
    script = """
try:
    from labelaudit import LabelAudit
except ImportError as error:
    print(error)
"""
    told = " ".join(printed(bare, script))
    assert "pip install 'labelaudit[service,worker]'" in told
    assert "is not installed" in told


def test_everything_public_can_be_imported_there_at_once(bare: Path) -> None:
    printed(bare, "from labelaudit import *")
