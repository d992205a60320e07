"""The service as it is really run, on either of its two shapes, with handles to hurt it by."""

import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx2
from sqlalchemy import select
from sqlalchemy.engine import make_url

from labelaudit.enums import FINISHED, JobStatus, JobType
from service.db import app_role, migrate
from service.db.engine import Database
from service.db.tables import Audit, Job
from service.storage.local import Storage
from tests.support import servers
from tests.support.processes import (
    START_SECONDS,
    Deployment,
    Process,
    deployed,
)

SHAPES = ("embedded", "production")
LEASE_SECONDS = 6.0  # a busy machine may hold up a heartbeat for three
SETTINGS = {
    "job_lease_seconds": LEASE_SECONDS,
    "sweep_seconds": 0.5,
    "checkpoint_seconds": 0.2,
    "device": "cpu",
    "workers": 2,
}
PATIENCE = 240.0
Found = TypeVar("Found")


@dataclass
class Stack:
    """SQLite and `labelaudit serve`; or Postgres, Redis, the API and two Celery workers."""

    shape: str
    deployment: Deployment
    service: Process
    workers: list[Process] = field(default_factory=list)
    postgres: servers.PostgresServer | None = None
    redis: servers.RedisServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.deployment.port}"

    @property
    def storage(self) -> Storage:
        return Storage(self.deployment.settings.resolved_storage_dir)

    def start_service(self) -> None:
        self.service.start()
        self.wait_ready()

    def wait_ready(self) -> None:
        until(lambda: answers(self.url), seconds=START_SECONDS)

    def said(self, fault: str, *, characters: int = 6000) -> str:
        """The fault, and the end of what each process told of the time before."""
        processes = [self.service, *self.workers]
        logs = [f"{one.log.name}: {one.said()[-characters:]}" for one in processes]
        return "\n\n".join([fault, *logs])

    def restore(self) -> None:
        """Start again whatever a drill that failed left dead."""
        for server in (self.postgres, self.redis):
            if server is not None and server.process is None:
                server.start()
        for process in (self.service, *self.workers):
            if process.running is None or process.running.poll() is not None:
                process.start()
        self.wait_ready()

    def jobs(self, audit: str, *where: Any) -> list[Job]:
        with self.deployment.database() as database, database.read() as session:
            query = select(Job).where(Job.subject_id == audit.rsplit("/", 1)[-1], *where)
            return list(session.scalars(query.order_by(Job.type, Job.number)))

    def run_again(self, audit: str) -> list[Job]:
        """The audit's jobs that were run more than once. (The classifier's may still wait.)"""
        return self.jobs(audit, Job.attempt > 1)

    def training(self, audit: str) -> Job | None:
        """A train job of the audit that is under way and has told some progress."""
        found = self.jobs(
            audit,
            Job.type == JobType.train,
            Job.status == JobStatus.running,
            Job.progress > 0,
        )
        return found[0] if found else None

    def finished(self, audit: str) -> bool:
        with self.deployment.database() as database, database.read() as session:
            status = session.scalar(select(Audit.status).where(Audit.id == audit.rsplit("/", 1)[1]))
        return status in FINISHED

    def kill_worker_of(self, job: Job) -> None:
        """SIGKILL to the whole worker that runs a job. In production somebody else starts it
        again a second later; embedded, the supervisor does."""
        pid = pid_of(job)
        for worker in self.workers:
            if pid in (worker.pid, *children(worker.pid)):
                worker.kill9()
                time.sleep(1)
                worker.start()
                return
        kill(pid)


def answers(url: str) -> bool:
    """Whether a service there is ready."""
    with contextlib.suppress(httpx2.TransportError):
        return httpx2.get(f"{url}/readyz").status_code == 200
    return False


def pid_of(job: Job) -> int:
    """The process that holds the job, as its owner's name tells."""
    assert job.owner is not None
    return int(job.owner.rsplit(":", 1)[1])


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in found.read_text().split()] if found.exists() else []


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def has_ended(pid: int) -> bool:
    """Whether it writes nothing any more; init may take its time to bury it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def until(condition: Callable[[], Found], *, seconds: float = PATIENCE) -> Found:
    """What the condition gives once that is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "what the drill waited for did not happen"
        time.sleep(0.02)
    return found


@contextlib.contextmanager
def running(shape: str, *, within: Path | None = None, **settings: object) -> Iterator[Stack]:
    """A stack of the shape, with all its data in `within` if that is given; killed and wiped when
    the block ends."""
    folder = tempfile.TemporaryDirectory(prefix="labelaudit-drill-", dir=within)
    with contextlib.ExitStack() as held:
        path = Path(held.enter_context(folder))
        held.callback(until, lambda: not _killed_in(path))  # they may write where all is wiped
        start = _embedded if shape == "embedded" else _production
        stack = held.enter_context(start(path, {**SETTINGS, **settings}))
        stack.wait_ready()
        yield stack


@contextlib.contextmanager
def _embedded(folder: Path, settings: dict[str, object]) -> Iterator[Stack]:
    with deployed(folder, **settings) as deployment:
        service = deployment.run("serve", "service.cli", "serve", f"--port={deployment.port}")
        yield Stack("embedded", deployment, service)


def _killed_in(folder: Path) -> list[int]:
    """Kill whoever works on the folder: workers, those of a service that a drill killed, and
    whatever they had started. Their ids; empty once all have ended."""
    found = [pid for pid in _processes() if not has_ended(pid) and _works_in(pid, folder)]
    for pid in found:
        kill(pid)
    return found


def _processes() -> list[int]:
    return [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()]


def _works_in(pid: int, folder: Path) -> bool:
    """Whether the process was told of the folder, which no other process of the machine was."""
    try:
        told = [Path(f"/proc/{pid}/{name}").read_bytes() for name in ("environ", "cmdline")]
    except OSError:  # gone, or somebody else's
        return False
    return pid != os.getpid() and any(os.fsencode(folder) in one for one in told)


def for_the_service(postgres: servers.PostgresServer) -> str:
    """The address of the role that the service connects as, once the owner has migrated."""
    role = make_url(postgres.url).set(username="labelaudit_app", password="not the owner's")
    url = role.render_as_string(hide_password=False)
    owner = Database(postgres.url)
    migrate.upgrade(owner)
    app_role.grant(owner, url)
    owner.dispose()
    return url


@contextlib.contextmanager
def _production(folder: Path, settings: dict[str, object]) -> Iterator[Stack]:
    with (
        servers.private_postgres(folder.parent) as postgres,
        servers.private_redis() as redis,
        deployed(
            folder, database_url=for_the_service(postgres), redis_url=redis.url, **settings
        ) as deployment,
    ):
        queues = ("--queue", "cpu", "--queue", "gpu")
        # each a host of its own, as far as one machine can show it
        workers = [deployment.run(f"worker-{n}", "worker", *queues) for n in range(2)]
        service = deployment.run("serve", "service.cli", "serve", f"--port={deployment.port}")
        yield Stack("production", deployment, service, workers, postgres, redis)


assert sys.platform == "linux", "the drills read /proc"
