"""The service as its own processes, to be killed at will: the API under uvicorn, and workers."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from labelaudit.enums import Role
from service.accounts.api_keys import create_key
from service.core.config import Settings
from service.db.engine import Database
from service.db.migrate import upgrade
from tests.support.servers import _die_with_parent, _free_port

START_SECONDS = 120.0


@dataclass
class Process:
    """One process in a group of its own, with the children that it starts."""

    command: list[str]
    environment: dict[str, str]
    log: Path
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> "Process":
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                self.command,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        return self

    @property
    def pid(self) -> int:
        assert self.running is not None
        return self.running.pid

    def kill9(self) -> None:
        """SIGKILL to the process and all its children, as if the power went."""
        if self.running is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.running.pid, signal.SIGKILL)
            self.running.wait()
            self.running = None

    def stop(self, *, seconds: float) -> int:
        """SIGTERM, and the exit status; TimeoutExpired if the process will not end."""
        assert self.running is not None
        self.running.terminate()
        return self.running.wait(seconds)

    def said(self) -> str:
        return self.log.read_text(errors="replace")


@dataclass
class Deployment:
    """A folder, a database and perhaps a broker, and the processes that work on them."""

    folder: Path
    environment: dict[str, str]
    port: int = field(default_factory=_free_port)
    processes: list[Process] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        prefix = "LABELAUDIT_"
        given: dict[str, Any] = {
            key.removeprefix(prefix).lower(): v for key, v in self.environment.items()
        }
        return Settings(**given)

    @contextlib.contextmanager
    def database(self) -> Iterator[Database]:
        database = Database(self.settings.resolved_database_url)
        yield database
        database.dispose()

    def api(self) -> Process:
        """Start the API and wait until it is ready."""
        process = self.run(
            "api",
            "uvicorn",
            "service.api.app:app",
            f"--port={self.port}",
            "--timeout-graceful-shutdown=2",
        )
        deadline = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(httpx2.TransportError):
                if httpx2.get(f"http://127.0.0.1:{self.port}/readyz").status_code == 200:
                    return process
            assert process.running is not None
            assert process.running.poll() is None, process.said()
            assert time.monotonic() < deadline, process.said()
            time.sleep(0.05)

    def worker(self, *queues: str) -> Process:
        options = [part for queue in queues for part in ("--queue", queue)]
        return self.run("-".join(["worker", *queues]), "worker", *options)

    def run(self, name: str, module: str, *options: str) -> Process:
        command = [sys.executable, "-m", module, *options]
        process = Process(command, self.environment, self.folder / f"{name}.log").start()
        self.processes.append(process)
        return process

    @contextlib.contextmanager
    def client(self, role: Role = Role.admin) -> Iterator[httpx2.Client]:
        with self.database() as database, database.write() as session:
            _, token = create_key(session, name=f"the {role}", role=role)
        headers = {"Authorization": f"Bearer {token}"}
        url = f"http://127.0.0.1:{self.port}"
        with httpx2.Client(base_url=url, headers=headers, timeout=60) as client:
            yield client


@contextlib.contextmanager
def deployed(folder: Path, **settings: object) -> Iterator[Deployment]:
    """A migrated deployment with the given settings; every process is killed at the end."""
    values = {"data_dir": folder, "free_space_watermark_bytes": 0, **settings}
    environment = {f"LABELAUDIT_{name.upper()}": str(value) for name, value in values.items()}
    deployment = Deployment(folder, environment)
    with deployment.database() as database:
        upgrade(database)
    try:
        yield deployment
    finally:
        for process in deployment.processes:
            process.kill9()
