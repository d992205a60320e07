"""A service of a data directory for as long as somebody needs it, in a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from labelaudit.client.errors import LabelauditError
from labelaudit.client.session_file import Address, delete_address, read_address
from service.hosting.embedded import is_served

LOG = "service.log"
STARTUP_SECONDS = 60.0
STOP_SECONDS = 15.0


@dataclass(frozen=True)
class Service:
    """`process` is None if the service was already running; it is then left running."""

    address: Address
    process: "subprocess.Popen[bytes] | None"


@contextmanager
def running_service(
    data_dir: Path,
    *,
    on_start: Callable[[], None] = lambda: None,
    env: dict[str, str] | None = None,
) -> Generator[Service]:
    """The running service of the data directory, or a new one that stops afterwards.

    `on_start` is called before a new one is started; `env` is its environment, by default this
    process's. Raises LabelauditError if it does not start.
    """
    if is_served(data_dir):
        yield Service(_wait_for_address(data_dir, None), None)
        return
    on_start()
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    delete_address(data_dir)
    command = [sys.executable, "-m", "service.cli", "serve", "--follow", str(os.getpid())]
    with _open_private(data_dir / LOG) as log:
        process = subprocess.Popen(
            [*command, "--data-dir", str(data_dir)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=env,
            start_new_session=True,  # Ctrl-C is for this process, which then stops that one
        )
    try:
        yield Service(_wait_for_address(data_dir, process), process)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _open_private(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def _wait_for_address(data_dir: Path, process: "subprocess.Popen[bytes] | None") -> Address:
    deadline = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < deadline:
        if address := read_address(data_dir):
            return address
        if process is not None and process.poll() is not None:
            break
        time.sleep(0.05)
    raise LabelauditError(
        f"The service did not start. Its log, {data_dir / LOG}, ends with:\n{_log_tail(data_dir)}"
    )


def _log_tail(data_dir: Path) -> str:
    try:
        return "\n".join((data_dir / LOG).read_text(errors="replace").splitlines()[-10:])
    except OSError:
        return "(empty)"
