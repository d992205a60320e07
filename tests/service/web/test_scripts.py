"""The unit tests of the page's scripts, run by node, and the API types they are checked by."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.web import api_types

PAGE = Path(__file__).parents[3] / "scripts" / "page"


@pytest.mark.slow
def test_the_unit_tests_of_the_scripts_pass() -> None:
    environment = {**os.environ, "PYTHON": sys.executable}
    ran = subprocess.run(
        [PAGE, "test"], env=environment, capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "# fail 0" in ran.stdout
    assert int(ran.stdout.partition("# pass ")[2].split()[0]) >= 50, ran.stdout


def test_the_types_of_the_api_are_those_of_its_document() -> None:
    written = api_types.FILE.read_text(encoding="utf-8")
    assert written == api_types.api_types(), "run python -m tests.service.web.api_types"
