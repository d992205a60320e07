"""Keeps worker processes running, and restarts dead ones with an increasing delay."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

log = structlog.get_logger()

SHUTDOWN_SECONDS = 5.0
MAX_PAUSE_SECONDS = 10.0  # a paused process may hold SQLite's write lock
MIN_BACKOFF, MAX_BACKOFF, HEALTHY_SECONDS = 0.5, 30.0, 60.0


@dataclass
class _Slot:
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    start_at: float = 0.0
    backoff: float = 0.0
    paused_at: float | None = None

    def end_if_paused(self, now: float) -> None:
        """Kill a process that has been paused (SIGSTOP) for too long: it may hold locks."""
        if self.process is None or not _is_paused(self.process.pid):
            self.paused_at = None
        elif self.paused_at is None:
            self.paused_at = now
        elif now - self.paused_at >= MAX_PAUSE_SECONDS:
            log.warning("worker_paused_too_long", pid=self.process.pid)
            self.process.kill()

    def delay_restart(self, now: float) -> None:
        healthy = now - self.started_at >= HEALTHY_SECONDS
        self.backoff = (
            MIN_BACKOFF if healthy or not self.backoff else min(2 * self.backoff, MAX_BACKOFF)
        )
        self.start_at = now + self.backoff


class Supervisor:
    """Keeps `count` processes running `command`, and restarts dead ones with a delay."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        count: int,
        env: Mapping[str, str],
        follow: int | None = None,
    ) -> None:
        self._command, self._env, self._follow = list(command), dict(env), follow
        self._slots = [_Slot() for _ in range(count)]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def __enter__(self) -> "Supervisor":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for slot in self._slots:
            if slot.process:
                slot.process.terminate()
        deadline = time.monotonic() + SHUTDOWN_SECONDS
        for slot in self._slots:
            if slot.process:
                _end(slot.process, deadline - time.monotonic())

    @property
    def processes(self) -> list[int]:
        """The ids of the current processes."""
        return [slot.process.pid for slot in self._slots if slot.process]

    def _watch(self) -> None:
        while True:
            for slot in self._slots:
                self._keep(slot)
            if self._follow is not None and os.getppid() != self._follow:
                self._follow = None
                os.kill(os.getpid(), signal.SIGTERM)
            if self._stop.wait(0.2):
                return

    def _keep(self, slot: _Slot) -> None:
        now = time.monotonic()
        slot.end_if_paused(now)
        if slot.process is not None and slot.process.poll() is not None:
            slot.delay_restart(now)
            log.warning("worker_died", exit_code=slot.process.returncode, retry_in=slot.backoff)
            slot.process = None
        if slot.process is None and now >= slot.start_at:
            # In its own session, so that only the supervisor receives Ctrl-C.
            slot.started_at = now
            try:
                slot.process = subprocess.Popen(
                    self._command, env=self._env, stdin=subprocess.DEVNULL, start_new_session=True
                )
            except OSError as error:  # for lack of memory, perhaps; try again later
                slot.delay_restart(now)
                log.error("worker_not_started", error=str(error), retry_in=slot.backoff)


def _is_paused(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"
    except OSError:  # gone, or not Linux
        return False


def _end(process: "subprocess.Popen[bytes]", seconds: float) -> None:
    """Wait, then kill. An interrupted job is resumed when its lease expires."""
    try:
        process.wait(max(0.1, seconds))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
