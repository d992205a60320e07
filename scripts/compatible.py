"""Whether `labelaudit` leaves the packages that people have beside it at their newest versions.

    scripts/compatible                # the packages below
    scripts/compatible mlflow vllm    # others

Each package is resolved alone and then with labelaudit, by `uv pip compile`. Nothing is installed
or built. Ends with 1 if a package is held back, and with 2 if that could not be told.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which

from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
BESIDE = ("label-studio-sdk", "fiftyone", "mlflow", "gradio", "vllm", "apache-airflow")
PYTHON = "3.11"
SECONDS = 300
UNREACHABLE = (
    "failed to fetch",
    "error sending request",
    "connection refused",
    "timed out",
    "dns error",
)
KEPT, HELD_BACK, UNKNOWN = "kept", "HELD BACK", "not told"

Pins = dict[str, str]  # version by package
Resolve = Callable[[str, bool], Pins]


class Unresolved(Exception):
    """What uv said instead of pins."""


class NotAtHand(Exception):
    """uv or the package index is missing."""


@dataclass(frozen=True)
class Outcome:
    """Of one package: whether it stays at its newest version, and what differs."""

    package: str
    verdict: str
    detail: str
    lowered: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        others = f"; lowered: {', '.join(self.lowered)}" if self.lowered else ""
        return f"{self.verdict:10}{self.package:20}{self.detail}{others}"


def main() -> int:
    parser = argparse.ArgumentParser(
        "scripts/compatible", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("packages", nargs="*", default=BESIDE)
    try:
        outcomes = [judge(package, resolve) for package in parser.parse_args().packages]
    except NotAtHand as error:
        print(f"Nothing was checked: {error}", file=sys.stderr)
        return 2
    for outcome in outcomes:
        print(outcome)
    return exit_status(outcomes)


def judge(package: str, resolve: Resolve) -> Outcome:
    """Resolve the package alone and beside labelaudit, and compare."""
    try:
        alone = resolve(package, False)
    except Unresolved as error:
        return Outcome(package, UNKNOWN, f"does not resolve alone: {error}")
    try:
        beside = resolve(package, True)
    except Unresolved as error:
        return Outcome(package, HELD_BACK, f"cannot be installed beside labelaudit: {error}")
    return compare(package, alone, beside)


def compare(package: str, alone: Pins, beside: Pins) -> Outcome:
    """Both resolutions as an outcome. What labelaudit lowers of the package's own dependencies is
    told too, but does not count."""
    name = canonicalize_name(package)
    lowered = [
        f"{other} {alone[other]} -> {beside[other]}"
        for other in sorted(alone.keys() & beside.keys())
        if Version(beside[other]) < Version(alone[other])
    ]
    before, after = alone[name], beside[name]
    if Version(after) < Version(before):
        return Outcome(package, HELD_BACK, f"{before} -> {after}", lowered)
    return Outcome(package, KEPT, after, lowered)


def exit_status(outcomes: Iterable[Outcome]) -> int:
    verdicts = {outcome.verdict for outcome in outcomes}
    if HELD_BACK in verdicts:
        return 1
    return 2 if UNKNOWN in verdicts else 0


def resolve(package: str, beside: bool) -> Pins:
    """What uv would install for the package, alone or `beside` labelaudit.

    Raises NotAtHand without uv or an index, Unresolved if no versions fit.
    """
    uv = which("uv", path=f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None:
        raise NotAtHand("there is no uv. Install it, or run scripts/venv.")
    command = [uv, "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--no-build"]
    command += ["--python-version", PYTHON, "--color", "never", "-"]
    if beside:
        command.append("pyproject.toml")
    try:
        done = subprocess.run(
            command, cwd=ROOT, input=package, capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        raise Unresolved(f"no answer within {SECONDS} s") from None
    if done.returncode == 0:
        return read_pins(done.stdout)
    said = " ".join(done.stderr.split())
    if any(words in said.lower() for words in UNREACHABLE):
        raise NotAtHand(f"the package index does not answer: {said[:300]}")
    raise Unresolved(said[:300])


def read_pins(text: str) -> Pins:
    """`name==version` lines as a dict; markers, options and comments are left out."""
    pins: Pins = {}
    for line in text.splitlines():
        pin = line.partition("#")[0].partition(";")[0].strip()
        name, equals, version = pin.partition("==")
        if equals:
            pins[canonicalize_name(name.partition("[")[0].strip())] = version.strip()
    return pins


if __name__ == "__main__":
    sys.exit(main())
