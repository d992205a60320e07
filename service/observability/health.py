"""Whether this process can do its work: the schema, the database, the storage, the broker, and
whether uploads are read in confinement."""

import threading
from collections.abc import Callable
from dataclasses import asdict
from functools import cache

import redis
from sqlalchemy import text

from service import ingest
from service.core.config import Settings
from service.db import migrate
from service.db.engine import Database
from service.storage.local import Storage

OK = "ok"
OPTIONAL = {"broker", "reader"}  # without them, jobs wait for a sweep; uploads may be refused
BROKER_SECONDS = 1.0

Checks = dict[str, str]


def check(settings: Settings, database: Database, storage: Storage) -> Checks:
    """The result of each check by name: `ok`, or the name of the error."""
    checks = {
        "database": _result(lambda: _accepts_writes(database)),
        "schema": _result(lambda: _is_migrated(database)),
        "storage": _result(storage.require_space),
    }
    checks["reader"] = _result(_reader_is_confined)
    if settings.redis_url:
        checks["broker"] = _result(lambda: _ping(settings.redis_url))
    return checks


def not_ready(checks: Checks) -> bool:
    return any(found != OK for name, found in checks.items() if name not in OPTIONAL)


def status(checks: Checks) -> str:
    if not_ready(checks):
        return "not ready"
    return "ready" if all(found == OK for found in checks.values()) else "degraded"


def _result(run: Callable[[], None]) -> str:
    try:
        run()
    except Exception as error:  # whatever it is, the result names it
        return type(error).__name__
    return OK


def _accepts_writes(database: Database) -> None:
    """Write and roll back: fails on a full disk or a read-only replica."""
    with database.write() as session:
        session.execute(text("UPDATE job SET attempt = attempt WHERE subject_id = ''"))
        session.rollback()


class ReaderHasNetwork(Exception):
    """Whoever reads uploads on this machine cannot be cut off the network."""


class _Probe(threading.Thread):
    """Finds out how a reader is confined here. No check waits for that: it takes seconds on a busy
    machine."""

    def __init__(self) -> None:
        super().__init__(daemon=True, name="probe")
        self.found: ingest.Confinement | None = None
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self.found = ingest.probe()
        except Exception as error:  # a check tells it, and the next one starts another
            self.error = error


@cache
def _probe() -> _Probe:
    """The one of this process."""
    return _Probe()


def _reader_is_confined() -> None:
    probe = _probe()
    if probe.error is not None:
        _probe.cache_clear()
        raise probe.error
    if probe.found is not None and probe.found.has_network:
        raise ReaderHasNetwork


def reader() -> dict[str, str] | None:
    """How the process that reads an upload is confined on this machine; None until it is known."""
    found = _probe().found
    return None if found is None else asdict(found)


class SchemaBehind(Exception):
    """The database schema is too old. Run `labelaudit migrate`."""


def _is_migrated(database: Database) -> None:
    with database.read() as session:
        found = session.scalar(text("SELECT version_num FROM alembic_version"))
    if found is None or migrate.is_behind(found):
        raise SchemaBehind(found)


def _ping(url: str) -> None:
    with redis.Redis.from_url(
        url, socket_timeout=BROKER_SECONDS, socket_connect_timeout=BROKER_SECONDS
    ) as broker:
        broker.ping()
