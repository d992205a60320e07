"""The real application on a real port, with a worker that runs in a thread of the tests."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import uvicorn

from labelaudit import Audit, Client
from labelaudit.client.session_file import Address
from labelaudit.enums import Role
from service.accounts.api_keys import create_key
from service.api.app import create_app
from service.core.config import Settings
from service.db.engine import Database
from service.db.migrate import upgrade
from worker.handlers.registry import HANDLERS
from worker.runtime.context import Worker
from worker.runtime.runner import poll

CLASSES = ["cat", "dog", "fox"]


@dataclass
class LiveService:
    """A service that can be stopped and started again on its port, as a restart does."""

    settings: Settings
    port: int
    token: str
    server: uvicorn.Server | None = None
    thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self) -> Address:
        return Address(self.url, self.token)

    def start(self) -> None:
        config = uvicorn.Config(
            create_app(self.settings),
            port=self.port,
            log_level="critical",
            timeout_graceful_shutdown=1,
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive(), "the server ended before it had started"
            time.sleep(0.01)

    def stop(self) -> None:
        assert self.server is not None
        assert self.thread is not None
        self.server.should_exit = True
        self.thread.join()


@contextmanager
def serving(settings: Settings) -> Iterator[LiveService]:
    """A service on a migrated database, with a key of an admin."""
    database = Database(settings.resolved_database_url)
    with database.write() as session:
        _, token = create_key(session, name="the tests", role=Role.admin)
    database.dispose()
    service = LiveService(settings, free_port(), token)
    service.start()
    try:
        yield service
    finally:
        service.stop()


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("live"), free_space_watermark_bytes=0, workers=0
    )
    database = Database(settings.resolved_database_url)
    upgrade(database)
    database.dispose()
    with serving(settings) as service:
        worker = Worker.open(settings, {"cpu", "gpu"}, HANDLERS)
        thread = threading.Thread(target=poll, args=(worker,), kwargs={"idle_seconds": 0.05})
        thread.start()
        yield service
        worker.stopping.set()
        thread.join()
        worker.database.dispose()


@pytest.fixture
def client(live: LiveService) -> Iterator[Client]:
    with Client(live.url, live.token) as client:
        yield client


@pytest.fixture(scope="session")
def wrong_ids() -> list[str]:
    """The samples of `probabilities_file` whose label is wrong."""
    return [f"s{row:03d}" for row in range(0, 300, 20)]


@pytest.fixture(scope="session")
def probabilities_file(tmp_path_factory: pytest.TempPathFactory, wrong_ids: list[str]) -> Path:
    """300 samples with somebody's confident and right predictions: ranked without training."""
    rng = np.random.default_rng(0)
    ids = np.array([f"s{row:03d}" for row in range(300)])
    true = rng.integers(0, 3, 300)
    probabilities = np.full((300, 3), 0.02) + rng.uniform(0, 0.02, (300, 3))
    probabilities[np.arange(300), true] = 0.9
    given = np.where(np.isin(ids, wrong_ids), (true + 1) % 3, true)
    path = tmp_path_factory.mktemp("upload") / "predictions.npz"
    np.savez(
        path,
        sample_id=ids,
        given_label=given,
        pred_probs=(probabilities / probabilities.sum(1, keepdims=True)).astype(np.float32),
        class_names=np.array(CLASSES),
    )
    return path


@pytest.fixture
def audited(client: Client, probabilities_file: Path) -> Audit:
    """A completed audit."""
    handle = client.audit(client.upload(probabilities_file).id)
    handle.wait(timeout=60)
    return handle


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
