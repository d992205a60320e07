"""The engine, and sessions to read and to write; `write()` commits when its block ends.

A session opened for a caller sees only that caller's rows (`service.db.tenant_filter`). A session
opened without a caller, as workers do, sees everything.

On Postgres, a caller's read runs in autocommit mode on its own connections (decision 13). On
SQLite, a write starts with BEGIN IMMEDIATE: a transaction that reads first and writes later can
fail however long it waits. SQLite allows one writer at a time and makes the others poll, so each
process has one connection for writing, and writers queue for it here.
"""

import fcntl
import math
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    ExceptionContext,
    create_engine,
    event,
    func,
    select,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import Double

from service.core.principal import Principal
from service.db import tenant_filter

APPENDED = "appended"  # in a session: (dataset, first, last, last hash) of its corrections
PENDING_NOTIFICATIONS = "pending_notifications"  # in a session: queues that got work
POOL_SECONDS = 3.0  # to wait for a free connection; then the caller gets a 503
WRITER_QUEUE_SECONDS = 10.0  # to wait for the only connection that writes to SQLite
POSTGRES_CONNECTION: dict[str, Any] = {
    "connect_timeout": 5,
    # detect a peer that disappeared without closing the connection
    "keepalives_idle": 30,
    "tcp_user_timeout": 30_000,
}
PING_AFTER_IDLE_SECONDS = 5.0  # a connection idle for longer is pinged before use
CLIENT_CHECK_SECONDS = 5.0  # how often Postgres checks, during a query, that its client is alive
IDLE_SECONDS = 20.0  # how long a process that hangs inside a transaction may hold its locks


class clock(GenericFunction[float]):
    """The database's clock, in seconds since 1970. Workers' clocks are never trusted."""

    type = Double()
    inherit_cache = True


@compiles(clock, "postgresql")
def _clock_postgres(*_: Any, **__: Any) -> str:
    return "extract(epoch from clock_timestamp())"


@compiles(clock, "sqlite")
def _clock_sqlite(*_: Any, **__: Any) -> str:
    # unixepoch('subsec') is NULL before SQLite 3.42, and a NULL lease never expires
    return "((julianday('now') - 2440587.5) * 86400.0)"


def _configure_sqlite(engine: Engine, *, begin: str) -> None:
    @event.listens_for(engine, "connect")
    def connect(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.isolation_level = None  # we send BEGIN ourselves
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=30000",
        ):
            dbapi_connection.execute(f"PRAGMA {pragma}")
        # SQLite's own knows ASCII letters only; PostgreSQL's those of its locale
        dbapi_connection.create_function("lower", 1, lambda t: t and t.lower(), deterministic=True)

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(f"BEGIN {begin}")


def _ping_after_idle(engine: Engine) -> None:
    """Ping connections that have been idle for a while. `pool_pre_ping` pings at every checkout,
    which adds two round trips to each request."""

    @event.listens_for(engine, "checkin")
    def mark_idle(_connection: Any, record: ConnectionPoolEntry) -> None:
        record.info["idle_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ping(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("idle_since", math.inf) < PING_AFTER_IDLE_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except Exception as error:
            raise InvalidatePoolError from error


def _invalidate_together(engines: Sequence[Engine]) -> None:
    """After PostgreSQL restarts, the first failure replaces the idle connections of every pool.
    Otherwise each pool would fail one request."""

    def invalidate_all(context: ExceptionContext) -> None:
        if context.is_disconnect:
            for engine in engines:
                if engine is not context.engine:  # its own pool does so by itself
                    engine.dispose()

    for engine in engines:
        event.listen(engine, "handle_error", invalidate_all)


def _bounded(pool: int) -> dict[str, Any]:
    """At most `pool` connections, all kept open: opening one costs more than a request."""
    return {
        "pool_size": pool,
        "max_overflow": 0,
        "pool_timeout": POOL_SECONDS,
        "pool_use_lifo": True,
    }


def normalised(url: str) -> str:
    """The URL with the psycopg driver, where it starts with `postgres://` or `postgresql://`."""
    parsed = make_url(url)
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed.render_as_string(hide_password=False)


class Database:
    """Opens sessions. `notify` is called after a commit with the queues that got work, `committed`
    with the session.

    At most `pool` connections are open at once. On Postgres, waiting for another transaction's lock
    fails after `lock_seconds`; 0 means no limit. SQLite's wait is always bounded.
    """

    def __init__(
        self,
        url: str,
        *,
        notify: Callable[[set[str]], None] | None = None,
        committed: Callable[[Session], None] | None = None,
        pool: int = 24,
        lock_seconds: float = 0,
    ) -> None:
        url = normalised(url)
        if url.startswith("sqlite"):
            self._open_sqlite(url, pool)
        else:
            self._open_postgres(url, pool, lock_seconds)
        self._notify = notify
        self._committed = committed

    def _open_sqlite(self, url: str, pool: int) -> None:
        path = make_url(url).database
        if path:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self.engine = create_engine(url, **_bounded(pool))
        self._writing = create_engine(
            url, pool_size=1, max_overflow=0, pool_timeout=WRITER_QUEUE_SECONDS
        )
        _configure_sqlite(self.engine, begin="DEFERRED")
        _configure_sqlite(self._writing, begin="IMMEDIATE")
        self._reading: Engine = self.engine
        self._autocommit: Engine = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    def _open_postgres(self, url: str, pool: int, lock_seconds: float) -> None:
        """Three pools: for writes, for callers' reads, and for authentication in autocommit mode,
        so that requests waiting for a lock cannot block authentication."""
        options = (
            f"-c idle_in_transaction_session_timeout={round(1000 * IDLE_SECONDS)} "
            f"-c client_connection_check_interval={round(1000 * CLIENT_CHECK_SECONDS)} "
            f"-c lock_timeout={round(1000 * lock_seconds)} {tenant_filter.FOR_EVERY_TENANT}"
        )
        connect_args = {**POSTGRES_CONNECTION, "options": options}
        readers, autocommitters = max(1, pool // 3), max(1, pool // 6)
        writers = max(1, pool - readers - autocommitters)
        # a read outside a transaction saves two round trips
        autocommit: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"}
        self.engine = self._writing = create_engine(
            url, **_bounded(writers), connect_args=connect_args
        )
        self._reading = create_engine(
            url,
            **_bounded(readers),
            connect_args=connect_args,
            **autocommit,
            execution_options={tenant_filter.KEEPS_TENANT: True},
        )
        self._autocommit = create_engine(
            url, **_bounded(autocommitters), connect_args=connect_args, **autocommit
        )
        for engine in self.engines:
            _ping_after_idle(engine)
        _invalidate_together(self.engines)

    @property
    def engines(self) -> list[Engine]:
        """Engines with separate pools."""
        engines = (self._autocommit, self._reading, self._writing, self.engine)
        return list({id(engine.pool): engine for engine in engines}.values())

    @contextmanager
    def read(self, caller: Principal | None = None) -> Generator[Session]:
        """A session for reading. On Postgres, each query of a caller's session sees what was
        committed when the query started."""
        engine = self.engine if caller is None else self._reading
        with Session(engine, info=tenant_filter.info(caller)) as session:
            yield session

    @contextmanager
    def autocommit(self) -> Generator[Connection]:
        """A connection for single statements outside a transaction, without a tenant filter."""
        with self._autocommit.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Generator[Session]:
        """A session whose queries all see the same moment. It holds no lock, so it may pause
        between queries for as long as it likes."""
        if self.engine.dialect.name != "postgresql":
            with Session(self.engine) as session:  # an SQLite read transaction is a snapshot
                yield session
            return
        engine = self.engine.execution_options(isolation_level="REPEATABLE READ")
        with Session(engine) as session:
            session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            yield session

    @contextmanager
    def write(self, caller: Principal | None = None) -> Generator[Session]:
        """A session whose changes are committed when the block ends without an error."""
        with Session(
            self._writing, expire_on_commit=False, info=tenant_filter.info(caller)
        ) as session:
            yield session
            session.commit()
            if self._committed:
                self._committed(session)
            pending: set[str] = session.info.get(PENDING_NOTIFICATIONS, set())
        if pending and self._notify:
            self._notify(pending)

    @contextmanager
    def schema_transaction(self, *, lock_seconds: float) -> Generator[Connection]:
        """A transaction for schema changes, which lock whole tables."""
        with self._writing.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(1000 * lock_seconds)}")
            yield connection

    @property
    def connections_in_use(self) -> int:
        """How many of this process's connections are checked out."""
        pools = [engine.pool for engine in self.engines]
        return sum(pool.checkedout() for pool in pools if isinstance(pool, QueuePool))

    @contextmanager
    def try_lock(self, name: str) -> Generator[bool]:
        """Try to take the lock `name` for the block, without waiting; yields whether it was free.
        The lock is released even if the process dies."""
        if self.engine.dialect.name == "postgresql":
            with self.engine.connect() as connection:
                # held until the transaction ends
                locked = func.pg_try_advisory_xact_lock(func.hashtext(name))
                yield bool(connection.scalar(select(locked)))
            return
        with Path(f"{self.engine.url.database}.{name}").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def dispose(self) -> None:
        for engine in self.engines:
            engine.dispose()


def advisory_lock(session: Session, name: str) -> None:
    """Wait until no other transaction holds the lock `name`, then hold it until this one ends.
    SQLite needs none: it runs one write transaction at a time."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtext(name))))
