"""Whether this process can do its work: the schema, the database, the storage, the broker."""

from collections.abc import Callable

import redis
from sqlalchemy import text

from service.core.config import Settings
from service.db import migrate
from service.db.engine import Database
from service.storage.local import Storage

OK = "ok"
OPTIONAL = {"broker"}  # without it jobs wait for the sweep, and are not lost
BROKER_SECONDS = 1.0

Checks = dict[str, str]


def look(settings: Settings, database: Database, storage: Storage) -> Checks:
    """Each check by name: `ok`, or what stands in its way."""
    checks = {
        "database": _tried(lambda: _takes_writes(database)),
        "schema": _tried(lambda: _has_the_schema(database)),
        "storage": _tried(storage.require_space),
    }
    if settings.redis_url:
        checks["broker"] = _tried(lambda: _answers(settings.redis_url))
    return checks


def not_ready(checks: Checks) -> bool:
    return any(found != OK for name, found in checks.items() if name not in OPTIONAL)


def status(checks: Checks) -> str:
    if not_ready(checks):
        return "not ready"
    return "ready" if all(found == OK for found in checks.values()) else "degraded"


def _tried(check: Callable[[], None]) -> str:
    try:
        check()
    except Exception as error:  # whatever it is, the answer names it
        return type(error).__name__
    return OK


def _takes_writes(database: Database) -> None:
    """A transaction that could write, undone: a full disk or a read-only replica shows."""
    with database.write() as session:
        session.execute(text("UPDATE job SET attempt = attempt WHERE subject_id = ''"))
        session.rollback()


class SchemaBehind(Exception):
    """The database's schema is older than this code's: run `labelaudit migrate`."""


def _has_the_schema(database: Database) -> None:
    with database.read() as session:
        found = session.scalar(text("SELECT version_num FROM alembic_version"))
    if found is None or migrate.is_behind(found):
        raise SchemaBehind(found)


def _answers(url: str) -> None:
    with redis.Redis.from_url(
        url, socket_timeout=BROKER_SECONDS, socket_connect_timeout=BROKER_SECONDS
    ) as broker:
        broker.ping()
