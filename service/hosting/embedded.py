"""The embedded service: one command runs everything from one data directory.

The main process serves HTTP, and one of its threads supervises the worker processes. A lock file
makes sure that only one service uses a data directory.
"""

import fcntl
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp

from labelaudit.client.session_file import Address, delete_address, write_address
from service.accounts import access_log, api_keys
from service.api.app import create_app
from service.backends import open_backends
from service.core.config import Settings
from service.db import migrate
from service.hosting import connections, process_tuning
from service.hosting.extras import missing_packages
from service.hosting.supervisor import Supervisor

log = structlog.get_logger()

KEY_ID = "embedded"
LOOPBACK_NAMES = ["127.0.0.1", "localhost", "::1", "[::1]"]
SHUTDOWN_SECONDS = 3  # an open progress stream would block the shutdown

Announce = Callable[["Running"], None]


class CannotServe(Exception):
    """The service cannot start; the message says why and what to do."""


@dataclass(frozen=True)
class Running:
    """What to announce once the service answers. `moved`: the default port was taken."""

    address: Address
    data_dir: Path
    loopback: bool
    moved: bool


def serve_embedded(
    settings: Settings,
    *,
    announce: Announce,
    port_is_fixed: bool = False,
    follow: int | None = None,
) -> None:
    """Run until SIGINT or SIGTERM, or until the process `follow` ends. Raises CannotServe."""
    if errors := settings.external_errors():
        raise CannotServe(" ".join(errors))
    if settings.workers and (missing := missing_packages("worker")):
        raise CannotServe(
            f"The workers need packages that are not installed: {', '.join(missing)}. Install "
            "them with: pip install 'labelaudit[service,worker]' – or serve without workers: "
            "labelaudit serve --workers 0."
        )
    settings = settings.model_copy(update={"data_dir": settings.data_dir.resolve()})
    os.umask(0o077)
    _make_private(settings.data_dir)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    with _only_service(settings.data_dir), _listen(settings, port_is_fixed) as listener:
        delete_address(settings.data_dir)  # of a service that was killed
        address = Address(_url(settings.host, listener), _prepare_database(settings))
        running = Running(
            address,
            settings.data_dir,
            loopback=is_loopback(settings.host),
            moved=settings.port not in (0, listener.getsockname()[1]),
        )
        supervisor = Supervisor(
            [sys.executable, "-m", "worker", "--follow", str(os.getpid())],
            count=settings.workers,
            env=_worker_environment(settings),
            follow=follow,
        )

        def started() -> None:
            write_address(settings.data_dir, address)
            announce(running)

        try:
            with supervisor:
                _serve_http(create_app(settings), listener, settings, started)
        finally:
            delete_address(settings.data_dir)


def _worker_environment(settings: Settings) -> dict[str, str]:
    """Workers share the cores, and do not spin while they wait."""
    share = max(1, (os.cpu_count() or 1) // max(1, settings.workers))
    return {
        "OMP_NUM_THREADS": str(share),
        "OMP_WAIT_POLICY": "PASSIVE",
        **os.environ,
        "LABELAUDIT_DATA_DIR": str(settings.data_dir),
    }


def serve_only_http(settings: Settings) -> None:
    """Production: serve HTTP only. Migrations and workers run separately.

    Raises CannotServe, also if a secret is missing or easy to guess.
    """
    if errors := settings.errors():
        raise CannotServe(" ".join(errors))
    with _listen(settings, port_is_fixed=True) as listener, ExitStack() as stack:
        if settings.one_core:
            stack.enter_context(process_tuning.one_core())
        log.info("serving", url=_url(settings.host, listener))
        _serve_http(create_app(settings), listener, settings)


class _Server(uvicorn.Server):
    """Calls back when it has started, and sets `closing` when told to stop, so that streams
    end instead of delaying it."""

    def __init__(
        self, config: uvicorn.Config, started: Callable[[], None], closing: threading.Event
    ) -> None:
        super().__init__(config)
        self._on_started, self._closing = started, closing

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._closing.set()
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        process_tuning.freeze()
        self._on_started()


def _guarded(app: FastAPI, settings: Settings) -> ASGIApp:
    # Against DNS rebinding: another site's name may resolve to 127.0.0.1.
    guarded = settings.embedded and is_loopback(settings.host)
    return TrustedHostMiddleware(app, LOOPBACK_NAMES) if guarded else app


def _serve_http(
    app: FastAPI,
    listener: socket.socket,
    settings: Settings,
    started: Callable[[], None] = lambda: None,
) -> None:
    limits = connections.Limits(
        settings.max_connections, settings.head_seconds, settings.response_seconds
    )
    connections.allow_open_files(settings.max_connections)
    proxies = [] if settings.embedded else settings.trusted_proxies
    config = uvicorn.Config(
        _guarded(app, settings),
        http=connections.connection_class(limits),
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),  # otherwise clients could forge their address
        forwarded_allow_ips=proxies,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    _Server(config, started, app.state.closing).run(sockets=[listener])


def _leave(_number: int, _frame: object) -> None:
    raise SystemExit(0)  # unwinds through every `finally`


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _make_private(data_dir: Path) -> None:
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotServe(f"Cannot create the data directory {data_dir}: {error}.") from error


def is_served(data_dir: Path) -> bool:
    """Whether a service is using this data directory."""
    try:
        with (data_dir / "serve.lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@contextmanager
def _only_service(data_dir: Path) -> Generator[None]:
    """Hold the data directory's lock, which the system releases when this process ends."""
    with (data_dir / "serve.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise CannotServe(
                f"Another labelaudit service (process {holder}) uses the data directory {data_dir}."
                " Use that one, stop it, or choose another directory with --data-dir."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


@contextmanager
def _listen(settings: Settings, port_is_fixed: bool) -> Generator[socket.socket]:
    """A socket listening on the configured port, or on a free one unless `port_is_fixed`."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio sets TCP_NODELAY only if the protocol is given; without it, every response with a body
    # would take 40 ms longer
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            try:
                listener.bind((settings.host, settings.port))
            except OSError:
                if port_is_fixed:
                    raise
                listener.bind((settings.host, 0))
            listener.listen()
        except OSError as error:
            raise CannotServe(
                f"Cannot listen on {settings.host}, port {settings.port}: {error.strerror}. "
                "Choose another with --host and --port."
            ) from error
        yield listener


def _url(host: str, listener: socket.socket) -> str:
    """A URL that a browser on this machine can open."""
    port = listener.getsockname()[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}.get(host, host)
    return f"http://{shown}:{port}"


def _prepare_database(settings: Settings) -> str:
    """Migrate the database and give the local admin key a new token, which is returned."""
    backends = open_backends(settings)
    try:
        migrate.upgrade(backends.database)
        with backends.database.write() as session:
            access_log.keep_for(session, settings.access_log_days)
            return api_keys.renew_local_key(session, KEY_ID)
    finally:
        backends.close()
