"""The engine and the two kinds of transaction: `read()` and `write()`, each committed at its edge.

Opened for a caller, a session sees what that caller may see (`service.db.tenant_filter`); opened
for nobody, as the workers do, it sees everything.

On Postgres a caller's read has no transaction around it, and connections of its own (decision 13).
On SQLite a write starts with BEGIN IMMEDIATE, since a transaction that reads first and writes later
can fail however long it waits; on Postgres it is a plain transaction. SQLite lets in one writer
at a time and has the others try again by chance, so a process has one connection that writes, and
who wants it queues here.
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

PENDING_NOTIFICATIONS = "pending_notifications"  # in a session: queues that got work
POOL_SECONDS = 3.0  # to wait for a free connection; then the caller is told to come again
WRITE_TURN_SECONDS = 10.0  # to wait on SQLite for the one connection that writes
POSTGRES_CONNECTION: dict[str, Any] = {
    "connect_timeout": 5,
    # a peer that is gone without a word is noticed, by whoever waits for it
    "keepalives_idle": 30,
    "tcp_user_timeout": 30_000,
}
RESTED_SECONDS = 5.0  # after which a connection may be dead without anybody having seen it
GONE_SECONDS = 5.0  # after which a query whose asker was killed ends, however much is left of it
IDLE_SECONDS = 20.0  # for which a process stopped amid a transaction may hold its locks


class clock(GenericFunction[float]):
    """The database's own clock, seconds since 1970: a worker's clock decides nothing."""

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
        dbapi_connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=30000",
        ):
            dbapi_connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(f"BEGIN {begin}")


def _ping_the_rested(engine: Engine) -> None:
    """Ask a connection that nobody has used for a while for a sign of life. `pool_pre_ping` asks
    each time, which is two more turns to the database for every request."""

    @event.listens_for(engine, "checkin")
    def rest(_connection: Any, record: ConnectionPoolEntry) -> None:
        record.info["rests_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def wake(connection: Any, record: ConnectionPoolEntry, _lent: Any) -> None:
        if time.monotonic() - record.info.get("rests_since", math.inf) < RESTED_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except Exception as error:
            raise InvalidatePoolError from error


def _lose_together(engines: Sequence[Engine]) -> None:
    """Once PostgreSQL was away, the first who notices has every idle connection opened anew. Else
    each pool would have to fail somebody."""

    def lose_all(context: ExceptionContext) -> None:
        if context.is_disconnect:
            for engine in engines:
                if engine is not context.engine:  # whose pool does so by itself
                    engine.dispose()

    for engine in engines:
        event.listen(engine, "handle_error", lose_all)


def _bounded(pool: int) -> dict[str, Any]:
    """So many connections, all of them kept: to open one costs more than a request."""
    return {
        "pool_size": pool,
        "max_overflow": 0,
        "pool_timeout": POOL_SECONDS,
        "pool_use_lifo": True,
    }


def normalised(url: str) -> str:
    """`postgres://` and `postgresql://` as platforms hand them out, for the psycopg driver."""
    parsed = make_url(url)
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed.render_as_string(hide_password=False)


class Database:
    """Hands out sessions. `notify` is called after a commit with the queues that got work.

    At most `pool` connections are open at once. On Postgres nobody waits longer than `lock_seconds`
    for somebody else's transaction, 0 meaning for ever; SQLite's wait is bounded anyway.
    """

    def __init__(
        self,
        url: str,
        *,
        notify: Callable[[set[str]], None] | None = None,
        pool: int = 24,
        lock_seconds: float = 0,
    ) -> None:
        url = normalised(url)
        if url.startswith("sqlite"):
            self._open_sqlite(url, pool)
        else:
            self._open_postgres(url, pool, lock_seconds)
        self._notify = notify

    def _open_sqlite(self, url: str, pool: int) -> None:
        path = make_url(url).database
        if path:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self.engine = create_engine(url, **_bounded(pool))
        self._writing = create_engine(
            url, pool_size=1, max_overflow=0, pool_timeout=WRITE_TURN_SECONDS
        )
        _configure_sqlite(self.engine, begin="DEFERRED")
        _configure_sqlite(self._writing, begin="IMMEDIATE")
        self._reading: Engine = self.engine
        self._glancing: Engine = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    def _open_postgres(self, url: str, pool: int, lock_seconds: float) -> None:
        """Connections that change something, those that read for callers, and those that look who
        is calling: whoever waits for a lock keeps nobody from being recognised."""
        options = (
            f"-c idle_in_transaction_session_timeout={round(1000 * IDLE_SECONDS)} "
            f"-c client_connection_check_interval={round(1000 * GONE_SECONDS)} "
            f"-c lock_timeout={round(1000 * lock_seconds)} {tenant_filter.FOR_EVERY_TENANT}"
        )
        given = {**POSTGRES_CONNECTION, "options": options}
        reading, glancing = max(1, pool // 3), max(1, pool // 6)
        # without a transaction around a read there are two turns less to the database
        alone: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"}
        rest = max(1, pool - reading - glancing)
        self.engine = self._writing = create_engine(url, **_bounded(rest), connect_args=given)
        self._reading = create_engine(
            url,
            **_bounded(reading),
            connect_args=given,
            **alone,
            execution_options={tenant_filter.KEEPS_TENANT: True},
        )
        self._glancing = create_engine(url, **_bounded(glancing), connect_args=given, **alone)
        for engine in self.engines:
            _ping_the_rested(engine)
        _lose_together(self.engines)

    @property
    def engines(self) -> list[Engine]:
        """Each with connections of its own."""
        engines = (self._glancing, self._reading, self._writing, self.engine)
        return list({id(engine.pool): engine for engine in engines}.values())

    @contextmanager
    def read(self, caller: Principal | None = None) -> Generator[Session]:
        """On Postgres each query for a caller sees what is committed when it starts."""
        engine = self.engine if caller is None else self._reading
        with Session(engine, info=tenant_filter.info(caller)) as session:
            yield session

    @contextmanager
    def glance(self) -> Generator[Connection]:
        """A read of one statement, for nobody."""
        with self._glancing.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Generator[Session]:
        """A read whose every query sees the same moment, and which may take its time between
        them: it holds no lock."""
        if self.engine.dialect.name != "postgresql":
            with Session(self.engine) as session:  # one read transaction of SQLite is that anyway
                yield session
            return
        engine = self.engine.execution_options(isolation_level="REPEATABLE READ")
        with Session(engine) as session:
            session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            yield session

    @contextmanager
    def write(self, caller: Principal | None = None) -> Generator[Session]:
        with Session(
            self._writing, expire_on_commit=False, info=tenant_filter.info(caller)
        ) as session:
            yield session
            session.commit()
            pending: set[str] = session.info.get(PENDING_NOTIFICATIONS, set())
        if pending and self._notify:
            self._notify(pending)

    @contextmanager
    def exclusively(self, *, lock_seconds: float) -> Generator[Connection]:
        """A transaction for changes of the schema, which need whole tables."""
        with self._writing.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(1000 * lock_seconds)}")
            yield connection

    @property
    def connections_in_use(self) -> int:
        """How many connections of this process's pool are taken."""
        pools = [engine.pool for engine in self.engines]
        return sum(pool.checkedout() for pool in pools if isinstance(pool, QueuePool))

    @contextmanager
    def alone(self, name: str) -> Generator[bool]:
        """True for the one process that is in such a block; whoever dies in it is out of it."""
        if self.engine.dialect.name == "postgresql":
            with self.engine.connect() as connection:
                # held until the block's transaction ends, however it does
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


def take_turns(session: Session, name: str) -> None:
    """Wait until no other transaction that named the same is open; SQLite has one at a time."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtext(name))))
