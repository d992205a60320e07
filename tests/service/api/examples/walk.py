"""Makes the calls in order against a service of its own, and records what the examples say."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI
from moto import mock_aws
from pydantic import SecretStr
from starlette.testclient import TestClient

from labelaudit.enums import Role
from service.accounts.api_keys import create_key
from service.api.app import create_app
from service.api.examples import Example
from service.backends import Backends
from service.core.config import Settings
from service.db.engine import Database
from service.db.migrate import upgrade
from service.storage.local import Storage
from service.storage.upload_bucket import UploadBucket
from tests.service.api.examples.call import Call, Filled, Known, find
from tests.service.api.examples.fakes import Fakes
from tests.support import oidc_provider
from worker.handlers.registry import HANDLERS
from worker.runtime.context import Worker
from worker.runtime.runner import run_one

HERE = "https://labelaudit.example"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NO_TEXT = ("image/png", "application/zip")
PEOPLE = {"Ann": Role.admin, "Ben": Role.annotator, "Olga": Role.operator}


@dataclass
class Walk:
    """A service, those who call it, what was learned so far, and the examples so far."""

    app: FastAPI
    document: dict[str, Any]
    worker: Worker
    clients: dict[str, TestClient]
    known: Known = field(default_factory=dict)
    fakes: Fakes = field(default_factory=Fakes)
    examples: dict[str, Example] = field(default_factory=dict)

    def take(self, steps: "Sequence[Call | Step]") -> None:
        for step in steps:
            if isinstance(step, Call):
                self.make(step)
            else:
                step(self)

    def make(self, call: Call) -> Any:
        """Make a call, record it if it is an example, and return its answer."""
        filled = call.filled(self.known)
        headers = {name: str(one) for name, one in filled.headers.items()} | (
            {"X-CSRF": "1"} if call.csrf else {}
        )
        sent: dict[str, Any] = {}
        if call.content is not None:
            sent["content"], headers["Content-Type"] = call.content, call.media_type
        elif filled.json is not None:
            sent["json"] = filled.json
        answer = self.clients[call.by].request(
            call.method, filled.url, params=filled.query, headers=headers, **sent
        )
        assert answer.is_success, f"{call.operation}: {answer.status_code} {answer.text}"
        for name, place in call.saves.items():
            self.known[name] = found = find(answer.json(), place)
            if name.endswith("key_id"):
                self.fakes.key(found, name)
        if call.shown:
            assert call.operation not in self.examples, f"{call.operation} has its example"
            self.examples[call.operation] = self._example(call, filled, answer)
        return answer

    def _example(self, call: Call, filled: Filled, answer: Any) -> Example:
        operation = self.document["paths"][call.path][call.method.lower()]
        declared = {one["name"]: one["schema"] for one in operation.get("parameters", [])}
        parameters = {
            name: _typed(self.fakes.of(value), declared[name])
            for name, value in filled.parameters.items()
        }
        example: Example = {"parameters": parameters} if parameters else {}
        if call.content is not None:
            example["body"] = self._text(call, call.content)
        elif filled.json is not None:
            example["body"] = self.fakes.of(filled.json)
        example["status"] = answer.status_code
        response = operation["responses"][str(answer.status_code)]
        if response.get("headers"):
            example["headers"] = {
                name: _typed(self.fakes.of(answer.headers[name]), header["schema"])
                for name, header in response["headers"].items()
            }
        if answer.content:
            example["media_type"] = answer.headers["content-type"].partition(";")[0]
            if example["media_type"] == "application/json":
                example["answer"] = self.fakes.of(answer.json())
            elif example["media_type"] not in NO_TEXT:
                example["answer"] = self._text(call, answer.content)
        return example

    def _text(self, call: Call, content: bytes) -> str:
        lines = content.decode().splitlines(keepends=True)
        first = next(n for n, line in enumerate(lines) if line.startswith(call.begins))
        shown: str = self.fakes.of("".join(lines[first : first + call.lines]))
        return shown


Step = Callable[[Walk], object]


def work(walk: Walk) -> None:
    """Whatever waits for a worker is done."""
    while run_one(walk.worker):
        pass


def _typed(value: Any, schema: dict[str, Any]) -> Any:
    """The value of a parameter or a header as its schema has it."""
    kinds = {"integer": int, "string": str}
    return kinds[schema["type"]](value) if schema.get("type") in kinds else value


@contextmanager
def begun(document: dict[str, Any]) -> Iterator[Walk]:
    """A walk at its beginning: an empty service with its people, a bucket and a provider."""
    with ExitStack() as stack:
        stack.enter_context(structlog.testing.capture_logs())
        provider = stack.enter_context(oidc_provider.running())
        stack.enter_context(mock_aws())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = Settings(
            data_dir=folder,
            database_url=f"sqlite:///{folder / 'labelaudit.sqlite3'}",
            storage_dir=folder / "storage",
            free_space_watermark_bytes=0,
            device="cpu",
            upload_bucket="animals-uploads",
            upload_region="eu-central-1",
            upload_access_key=SecretStr("EXAMPLE"),
            upload_secret_key=SecretStr("EXAMPLE"),
            webhook_hosts=["hooks.example.com"],
            webhook_seconds=3600.0,
            **provider.settings(HERE),
        )
        UploadBucket(settings)._s3.create_bucket(
            Bucket=settings.upload_bucket,
            CreateBucketConfiguration={"LocationConstraint": settings.upload_region},
        )
        database = Database(settings.database_url)
        stack.callback(database.dispose)
        upgrade(database)
        backends = Backends(settings, database, Storage(settings.resolved_storage_dir), notify=None)
        worker = Worker(backends, {"cpu", "gpu"}, HANDLERS, name="walk")
        app = create_app(settings)
        portal = stack.enter_context(TestClient(app, base_url=HERE)).portal
        walk = Walk(app, document, worker, {})
        walk.fakes.replace(provider.issuer, "https://id.example")
        walk.fakes.replace("testclient", "203.0.113.7")
        for name, role in PEOPLE.items():
            with database.write() as session:
                key, token = create_key(session, name=name, role=role)
            walk.known[f"{name.lower()}_id"] = key.id
            walk.fakes.key(key.id, name)
            walk.clients[name] = _client(app, portal, token)
        walk.clients["browser"] = _client(app, portal, token_of(walk.clients["Ann"]))
        walk.clients["visitor"] = _client(app, portal, None)
        yield walk


def _client(app: FastAPI, portal: Any, token: str | None) -> TestClient:
    headers = {"User-Agent": BROWSER}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    client = TestClient(app, base_url=HERE, headers=headers, follow_redirects=False)
    client.portal = portal  # every request runs in the loop that started the app
    return client


def token_of(client: TestClient) -> str:
    return client.headers["Authorization"].removeprefix("Bearer ")
