"""What is pinned is what pyproject.toml asks for, and its licences are listed."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def pins(file: str) -> dict[str, str]:
    text = (ROOT / "requirements" / file).read_text()
    return {canonicalize_name(name): version for name, version in PIN.findall(text)}


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ("service.txt", [*PROJECT["dependencies"], *EXTRAS["service"], *EXTRAS["s3"]]),
        (
            "constraints.txt",
            [*PROJECT["dependencies"], *(one for e in EXTRAS.values() for one in e)],
        ),
    ],
)
def test_every_dependency_is_pinned_as_the_project_asks(file, wanted):
    pinned = pins(file)
    missing = []
    for requirement in map(Requirement, wanted):
        version = pinned.get(canonicalize_name(requirement.name))
        if version is None or not requirement.specifier.contains(version):
            missing.append(f"{requirement} (pinned: {version})")
    assert not missing, "run scripts/lock"


def test_the_client_alone_asks_for_ranges_of_httpx_and_pydantic():
    base = [Requirement(one) for one in PROJECT["dependencies"]]
    assert [one.name for one in base] == ["httpx", "pydantic"]
    assert {one.operator for requirement in base for one in requirement.specifier} == {">=", "<"}


def test_both_files_pin_the_same_versions():
    everything = pins("constraints.txt")
    assert {name: everything[name] for name in pins("service.txt")} == pins("service.txt")


def test_every_file_of_the_service_image_has_a_hash_and_none_is_torch():
    entries = re.split(r"\n(?=\S)", (ROOT / "requirements" / "service.txt").read_text().strip())
    assert len(entries) > 30
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert "torch" not in pins("service.txt")


def test_no_file_names_where_packages_come_from():
    for file in ("service.txt", "constraints.txt"):
        assert "://" not in (ROOT / "requirements" / file).read_text()


def test_the_licence_of_every_package_of_the_service_is_listed():
    table = (ROOT / "docs" / "licences.md").read_text()
    listed = set(re.findall(r"^\| ([a-z0-9._-]+) \|", table, re.MULTILINE))
    elsewhere = {"colorama", "tzdata", "async-timeout", "uvloop", "win32-setctime", "pywin32"}
    named = {canonicalize_name(name) for name in listed}
    assert set(pins("service.txt")) - named - elsewhere == set()
