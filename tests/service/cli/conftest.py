"""The command line: called here where it only asks a service, run as a process where it is one."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from labelaudit.client.session_file import read_address
from service import cli
from service.cli import show
from tests.support.live import (
    LiveService,
    client,
    live,
    probabilities_file,
    wrong_ids,
)

__all__ = ["client", "live", "probabilities_file", "wrong_ids"]

STARTUP_SECONDS = 60.0


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(
    live: LiveService,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Run:
    """Runs a command against the live service, in an empty folder."""
    monkeypatch.setenv("LABELAUDIT_URL", live.url)
    monkeypatch.setenv("LABELAUDIT_TOKEN", live.token)
    monkeypatch.chdir(tmp_path)
    for console in (show.out, show.err):
        monkeypatch.setattr(console, "_width", 200)  # nothing that is looked for breaks in two

    def run(*words: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["labelaudit", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        captured = capsys.readouterr()
        return Result(int(left.value.code or 0), captured.out, captured.err)

    return run


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "service.cli", *map(str, words)]


def environment(data_dir: Path) -> dict[str, str]:
    """Wide lines, so that nothing that is looked for is broken in two."""
    return {
        **os.environ,
        "LABELAUDIT_DATA_DIR": str(data_dir),
        "LABELAUDIT_FREE_SPACE_WATERMARK_BYTES": "0",
        "COLUMNS": "200",
    }


class Served:
    """`labelaudit serve` on a data directory."""

    def __init__(self, data_dir: Path, *options: str) -> None:
        self.data_dir = data_dir
        # not a pipe: one that nobody reads would fill up
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            command("serve", "--port", "0", *options),
            env=environment(data_dir),
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    def wait_until_up(self) -> None:
        deadline = time.monotonic() + STARTUP_SECONDS
        while read_address(self.data_dir) is None:
            assert self.process.poll() is None, self.wait()
            assert time.monotonic() < deadline, "the service did not start"
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGTERM) -> str:
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> str:
        """What it printed until its end."""
        self.process.wait(timeout=60)
        self._output.seek(0)
        return self._output.read()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._output.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts services, by default on one data directory; they are ended afterwards."""
    running: list[Served] = []

    def start(*options: str) -> Served:
        running.append(Served(tmp_path / "data", *options))
        return running[-1]

    yield start
    for served in running:
        served.end()
