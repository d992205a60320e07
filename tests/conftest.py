"""Fixtures for all tests: both databases, a storage, the application and callers of every role.

Each test finds an empty database that the migrations made, and folders of its own, so tests may run
in any order; processes that run tests side by side have a server each.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import structlog
from fastapi import FastAPI
from sqlalchemy.engine import make_url
from starlette.testclient import TestClient

from labelaudit.enums import Role
from service.accounts.api_keys import create_key
from service.backends import Backends
from service.core.config import Settings
from service.db.engine import Database
from service.db.migrate import upgrade
from service.db.tables import Model
from service.storage.local import Storage
from tests.support.factories import Store
from worker.handlers.registry import HANDLERS
from worker.runtime.context import Worker

pytest_plugins = ["tests.support.servers", "tests.support.bucket"]

KEPT = {"LABELAUDIT_SHARED_DATA"}
# Fixtures that build the application or start processes.
APPLICATION = {"app", "live", "served", "deployment", "embedded", "production", "arenas", "s3_url"}
POSTGRES = {"postgres_url", "migrated_postgres", "private_postgres"}
CallAs = Callable[[Role | None], TestClient]


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Mark what `make test-fast` leaves out."""
    for item in items:
        fixtures = set(item.fixturenames)
        if fixtures & APPLICATION:
            item.add_marker("application")
        callspec = getattr(item, "callspec", None)
        chosen = callspec.params.get("database_url") if callspec else None
        if chosen == "postgres" or fixtures & POSTGRES:
            item.add_marker("postgres")


@pytest.fixture(scope="session", autouse=True)
def no_settings_from_outside() -> Iterator[None]:
    """What is set in the shell that runs the tests must not decide what they find."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith("LABELAUDIT_") and name not in KEPT:
                patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def quiet_logs() -> Iterator[None]:
    """Log events are made and dropped: tests that look at them capture them."""
    with structlog.testing.capture_logs():
        yield


# ---------------------------------------------------------------------------------------- databases


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "labelaudit.sqlite3"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    database.dispose()
    return path


@pytest.fixture(scope="session")
def migrated_postgres(private_postgres: str) -> str:
    """A migrated database on the private server, shared by this process's tests."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(private_postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = make_url(private_postgres).set(database=name).render_as_string(hide_password=False)
    database = Database(url)
    upgrade(database)
    database.dispose()
    return url


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    path = tmp_path / "labelaudit.sqlite3"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(migrated_postgres: str) -> Iterator[str]:
    yield migrated_postgres
    # Emptying tables takes milliseconds, where a database of its own would take half a second.
    with psycopg.connect(migrated_postgres, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute("SET session_replication_role = replica")  # logs refuse otherwise
        for table in reversed(Model.metadata.sorted_tables):
            connection.execute(f'DELETE FROM "{table.name}"')
        connection.execute("INSERT INTO tenant VALUES ('default', 'default', now())")


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty, migrated database: the test runs once on each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def notified() -> list[set[str]]:
    """The queues that `database` notified, in order."""
    return []


@pytest.fixture
def database(database_url: str, notified: list[set[str]]) -> Iterator[Database]:
    database = Database(database_url, notify=notified.append)
    yield database
    database.dispose()


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "storage")


@pytest.fixture
def store(database: Database, storage: Storage) -> Store:
    """Where the factories write."""
    return Store(database, storage)


# ---------------------------------------------------------------------------------- the application


@pytest.fixture
def settings(database_url: str, storage: Storage, tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path,
        database_url=database_url,
        storage_dir=storage.root,
        free_space_watermark_bytes=0,
        show_docs=True,
        webhook_hosts=["hooks.example.com"],
        webhook_seconds=3600.0,  # nothing is sent unless a test does
    )


@pytest.fixture(scope="session")
def applications() -> dict[tuple[object, ...], FastAPI]:
    """Applications that were made, by the settings that decide how."""
    return {}


@pytest.fixture
def app(settings: Settings, applications: dict[tuple[object, ...], FastAPI]) -> Iterator[FastAPI]:
    """The application, started. It is made once: its routes cost a quarter of a second."""
    from service.api.app import create_app

    shape = (settings.shows_docs, settings.body_seconds, *settings.allowed_origins)
    app = applications.setdefault(shape, create_app(settings))
    app.state.settings = settings
    with TestClient(app, base_url="http://127.0.0.1") as started:
        app.state.portal = started.portal
        yield app


@pytest.fixture
def call_as(app: FastAPI, database: Database) -> CallAs:
    """A client that calls with a new key of the given role, or with none."""

    def make(role: Role | None) -> TestClient:
        headers = {}
        if role is not None:
            with database.write() as session:
                _, token = create_key(session, name=f"the {role}", role=role)
            headers["Authorization"] = f"Bearer {token}"
        client = TestClient(
            app, base_url="http://127.0.0.1", headers=headers, raise_server_exceptions=False
        )
        client.portal = app.state.portal  # every request runs in the loop that started the app
        return client

    return make


@pytest.fixture
def anonymous(call_as: CallAs) -> TestClient:
    return call_as(None)


@pytest.fixture
def annotator(call_as: CallAs) -> TestClient:
    return call_as(Role.annotator)


@pytest.fixture
def uploader(call_as: CallAs) -> TestClient:
    return call_as(Role.uploader)


@pytest.fixture
def admin(call_as: CallAs) -> TestClient:
    return call_as(Role.admin)


# ----------------------------------------------------------------------------------------- a worker


@pytest.fixture
def worker(settings: Settings, database: Database, storage: Storage) -> Worker:
    """A worker for both queues that runs in the test's own thread."""
    backends = Backends(settings, database, storage, notify=None)
    return Worker(backends, {"cpu", "gpu"}, HANDLERS, name="tester")
