"""The real application on a loopback port, and a browser that notices what a person would not."""

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from labelaudit.enums import Role
from service.accounts.api_keys import create_key
from service.backends import Backends
from service.core.config import Settings
from service.db.engine import Database
from service.storage.local import Storage
from tests.support.factories import Store, make_audit, make_dataset
from worker.handlers.registry import HANDLERS
from worker.runtime.context import Worker
from worker.runtime.runner import run_one

# Read before any fixture clears the environment.
CHROMIUM = os.environ.get("LABELAUDIT_CHROMIUM") or next(
    filter(
        None,
        [
            "/usr/bin/chromium" if Path("/usr/bin/chromium").exists() else None,
            *map(shutil.which, ("chromium", "chromium-browser", "google-chrome")),
        ],
    ),
    None,
)
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT_MS = 15_000


@dataclass
class Served:
    """A running service and the store behind it."""

    url: str
    store: Store
    settings: Settings

    @property
    def backends(self) -> Backends:
        return Backends(self.settings, self.store.database, self.store.storage, notify=None)

    def key(self, role: Role = Role.annotator, name: str = "Ann") -> str:
        with self.store.database.write() as session:
            return create_key(session, name=name, role=role)[1]

    def work(self) -> None:
        """Do every job that is waiting, as a worker would."""
        worker = Worker(self.backends, {"cpu", "gpu"}, HANDLERS)
        while run_one(worker):
            pass


@pytest.fixture
def settings_at() -> Callable[[str], dict[str, Any]]:
    """What a test wants its service to be told, given the service's address."""
    return lambda _url: {}


@pytest.fixture
def served(
    sqlite_url: str, tmp_path: Path, settings_at: Callable[[str], dict[str, Any]]
) -> Iterator[Served]:
    from service.api.app import create_app

    database = Database(sqlite_url)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = "http://{}:{}".format(*listener.getsockname())
        settings = Settings(
            data_dir=tmp_path,
            database_url=sqlite_url,
            storage_dir=tmp_path / "storage",
            free_space_watermark_bytes=0,
            **settings_at(url),
        )
        config = uvicorn.Config(
            create_app(settings), log_level="critical", timeout_graceful_shutdown=2
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server ended before it had started"
            time.sleep(0.01)
        try:
            yield Served(url, Store(database, Storage(tmp_path / "storage")), settings)
        finally:
            server.should_exit = True
            thread.join()
            database.dispose()


@pytest.fixture
def audit(served):
    """Thirty texts of three classes; ranks 1 to 10 are obvious, 11 to 20 possible."""
    return make_audit(served.store, make_dataset(served.store))


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine; name one in LABELAUDIT_CHROMIUM")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield launched
        launched.close()


@dataclass
class Visitor:
    """A page signed in to the service, and everything that it should not have said or asked for."""

    page: Any  # playwright's, which is imported only where there is a browser
    url: str
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)  # complaints a test provokes on purpose

    def go(self, path: str, wait_for: str) -> None:
        self.page.goto(self.url + path)
        self.page.wait_for_selector(wait_for)

    def review(self, audit_id: str, query: str = "") -> None:
        self.go(f"/audits/{audit_id}{query}", ".decision")

    def press(self, key: str) -> None:
        """Decide the sample on the page, once it is there."""
        self.page.wait_for_selector(".decision")
        self.page.keyboard.press(key)

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)

    def said(self) -> str:
        return self.page.text_content("#announcer")

    def until(self, condition: str) -> None:
        # A bare expression would be evaluated by eval, which the page's policy forbids.
        self.page.wait_for_function(f"() => {condition}")


Visit = Callable[..., Visitor]


@pytest.fixture
def visit(browser, served: Served) -> Iterator[Visit]:
    """Opens the page with a key in the address, as the printed link does. After the test no page
    may have complained, broken its content security policy, or called another host."""
    visitors = []

    def begin(*, token: str | None = None, role: Role = Role.annotator, **options) -> Visitor:
        context = browser.new_context(**options)
        context.set_default_timeout(WAIT_MS)
        context.add_init_script(
            "document.addEventListener('securitypolicyviolation',"
            " (e) => console.error('policy broken: ' + e.violatedDirective + ' ' + e.blockedURI))"
        )
        visitor = Visitor(context.new_page(), served.url)
        _listen(visitor)
        visitors.append(visitor)
        visitor.go(f"/#token={token or served.key(role)}", ".me, .sign-in")
        return visitor

    yield begin
    for visitor in visitors:
        visitor.page.context.close()
        unexpected = [
            words
            for words in visitor.complaints
            if not any(known in words for known in visitor.expected)
        ]
        assert unexpected == []


def _listen(visitor: Visitor) -> None:
    def console(message):
        if message.type in ("error", "warning"):
            visitor.complaints.append(f"{message.type}: {message.text} {message.location['url']}")

    def request(asked):
        if not asked.url.startswith((visitor.url, "blob:")):
            visitor.complaints.append(f"another host: {asked.url}")

    visitor.page.on("console", console)
    visitor.page.on("pageerror", lambda error: visitor.complaints.append(f"error: {error}"))
    visitor.page.on("request", request)
