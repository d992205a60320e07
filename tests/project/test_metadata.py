"""What the package says of itself to those who install it."""

import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

from packaging.specifiers import SpecifierSet

import labelaudit

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHON = "Programming Language :: Python :: 3."


def test_the_classifiers_name_the_versions_of_python_that_may_install_it():
    named = [one.rpartition(" ")[2] for one in PROJECT["classifiers"] if one.startswith(PYTHON)]
    assert named == ["3.11", "3.12", "3.13"]
    wanted = SpecifierSet(PROJECT["requires-python"])
    assert [one for one in named if not wanted.contains(one)] == []
    assert not wanted.contains("3.10")
    assert f"3.{sys.version_info.minor}" in named


def test_typed_packages_say_so():
    assert "Typing :: Typed" in PROJECT["classifiers"]
    for package in ("labelaudit", "service", "worker"):
        assert (ROOT / package / "py.typed").exists()


def test_there_is_one_version():
    assert labelaudit.__version__ == PROJECT["version"] == version("labelaudit")
