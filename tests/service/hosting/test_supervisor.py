"""Processes that die young are started again ever more slowly."""

import os
import signal
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from service.hosting import supervisor
from service.hosting.supervisor import Supervisor


def test_a_process_that_dies_at_once_is_started_again_with_growing_pauses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "MIN_BACKOFF", 0.2)
    starts = tmp_path / "starts"
    script = f"import time; open({str(starts)!r}, 'a').write(f'{{time.time()}}\\n')"
    moments: list[float] = []
    deadline = time.monotonic() + 30
    with Supervisor([sys.executable, "-I", "-c", script], count=1, env={}):
        while len(moments) < 4 and time.monotonic() < deadline:
            time.sleep(0.1)
            moments = (
                [float(line) for line in starts.read_text().split()] if starts.exists() else []
            )
    pauses = [after - before for before, after in pairwise(moments)]
    assert pauses[2] > 1.5 * pauses[0]  # four times, but for what starting takes


def test_a_process_that_will_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "SHUTDOWN_SECONDS", 0.5)
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
    began = time.monotonic()
    with Supervisor([sys.executable, "-I", "-c", script], count=2, env={}) as running:
        time.sleep(0.5)
        assert len(running.processes) == 2
    assert time.monotonic() - began < 5


def test_a_command_that_cannot_be_started_is_no_crash() -> None:
    with Supervisor(["/nowhere/python"], count=1, env={}) as running:
        time.sleep(0.5)
        assert running.processes == []


def test_a_process_that_stays_paused_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "MAX_PAUSE_SECONDS", 0.5)
    command = [sys.executable, "-I", "-c", "import time; time.sleep(60)"]
    with Supervisor(command, count=1, env={}) as running:
        deadline = time.monotonic() + 20
        while not running.processes:
            time.sleep(0.05)
        (paused,) = running.processes
        os.kill(paused, signal.SIGSTOP)
        while running.processes in ([], [paused]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
