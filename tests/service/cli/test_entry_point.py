"""The console script: its help, and what it says where the service is not installed."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from labelaudit import __version__
from service.cli import INSTALL
from service.cli.app import app
from tests.support.bare import bare_environment, run_bare


def commands(group: Any, name: str = "labelaudit") -> Iterator[tuple[str, Any]]:
    yield name, group
    for child, command in getattr(group, "commands", {}).items():
        yield from commands(command, f"{name} {child}")


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_explained_in_a_sentence(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    assert inspect.cleandoc(command.help).splitlines()[0].endswith(".")
    for parameter in command.params:
        assert parameter.name == "follow" or getattr(parameter, "help", "-") is not None


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `pip install labelaudit` without extras brings."""
    return bare_environment(tmp_path_factory.mktemp("light"), "service", "worker")


@pytest.mark.parametrize(
    "arguments",
    [("-m", "service.cli", "--help"), ("-c", "from service.cli import main; main()")],
)
def test_without_the_service_installed_it_says_what_to_install(
    light: Path, arguments: tuple[str, ...]
) -> None:
    done = run_bare(light, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{INSTALL}\n")


def test_the_version_needs_no_service(light: Path) -> None:
    done = run_bare(light, "-m", "service.cli", "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() in (__version__, "0+unknown")  # sources that are not installed


@pytest.mark.parametrize("words", [["--version"], ["version"]])
def test_the_version_is_printed_alone(words: list[str]) -> None:
    assert CliRunner().invoke(app, words).stdout == f"{__version__}\n"


def test_a_broken_module_of_our_own_is_not_taken_for_that(
    light: Path,
) -> None:
    script = (
        "import sys; sys.modules['service.cli.app'] = None; from service.cli import main; main()"
    )
    assert "ModuleNotFoundError" in run_bare(light, "-c", script).stderr
