"""A bucket for the tests, and a line to it that can be cut.

The S3 server that `LABELAUDIT_TEST_S3_URL` names is used as it is, with the key of the usual
variables `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`. Otherwise moto's is started, which checks
no signatures.
"""

import contextlib
import os
import socket
import sys
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from pydantic import SecretStr

from service.core.config import Settings
from service.storage.upload_bucket import UploadBucket
from tests.support.servers import Server, _running

# Read before any fixture clears the environment.
S3_URL = os.environ.get("LABELAUDIT_TEST_S3_URL")
ACCESS_KEY = os.environ.get("AWS_ACCESS_KEY_ID", "tests")
SECRET_KEY = os.environ.get("AWS_SECRET_ACCESS_KEY", "tests-secret")

BUCKET = "labelaudit-tests"
PART_BYTES = 5 << 20  # the smallest that the protocol allows
BLOCK = 1 << 16


class S3Server(Server):
    """moto's S3; what it holds goes with its process."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]

    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{self.url}/moto-api/", timeout=2).close()
            return True
        return False


@dataclass
class Line:
    """Carries connections to the server. `cut` ends them; `limit` is how many bytes of answers
    pass before they stop, and `breaks` whether the connection then ends or hangs."""

    host: str
    port: int
    cut: bool = False
    limit: int | None = None
    breaks: bool = True
    _listener: socket.socket = field(init=False)
    _closing: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def restore(self) -> None:
        self.cut, self.limit, self.breaks = False, None, True

    def close(self) -> None:
        self._closing.set()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                if self.cut:
                    here.close()
                    continue
                threading.Thread(target=self._connect, args=(here,), daemon=True).start()

    def _connect(self, here: socket.socket) -> None:
        with here, socket.create_connection((self.host, self.port)) as there:
            asking = threading.Thread(target=self._carry, args=(here, there, False), daemon=True)
            asking.start()
            self._carry(there, here, True)
            asking.join()

    def _carry(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(BLOCK):
                if self.cut or (answers and not self._lets_pass(len(data))):
                    break
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _lets_pass(self, size: int) -> bool:
        left = self.limit
        if left is None or size <= left:
            self.limit = None if left is None else left - size
            return True
        if not self.breaks:
            self._closing.wait(60)
        return False


@dataclass
class Bucket:
    """What the tests look at, past the service; `line` is what the service reaches it by."""

    line: Line
    s3: Any
    upload_bucket: UploadBucket

    def holds(self) -> list[str]:
        return [one.dataset_id for one in self.upload_bucket.everything()]

    def put(self, dataset_id: str, content: bytes) -> None:
        key = self.upload_bucket.key(dataset_id)
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=content)


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    if S3_URL:
        yield S3_URL
        return
    with _running(S3Server, user=None) as server:
        yield server.url


@pytest.fixture
def bucket(settings: Settings, s3_url: str) -> Iterator[Bucket]:
    """A bucket that the settings name, with a prefix for this test alone."""
    where = urlsplit(s3_url)
    line = Line(str(where.hostname), where.port or 80)
    settings.upload_bucket = BUCKET
    settings.upload_prefix = f"{uuid4().hex}/"
    settings.upload_endpoint = line.url
    settings.upload_region = "us-east-1"
    settings.upload_access_key = SecretStr(ACCESS_KEY)
    settings.upload_secret_key = SecretStr(SECRET_KEY)
    settings.upload_part_bytes = PART_BYTES
    upload_bucket = UploadBucket(settings.model_copy(update={"upload_endpoint": s3_url}))
    with contextlib.suppress(upload_bucket._s3.exceptions.BucketAlreadyOwnedByYou):
        upload_bucket._s3.create_bucket(Bucket=BUCKET)
    bucket = Bucket(line, upload_bucket._s3, upload_bucket)
    yield bucket
    for one in list(upload_bucket.everything()):
        if one.multipart_id is None:
            upload_bucket.delete(one.dataset_id)
        else:
            upload_bucket.abort(one.dataset_id, one.multipart_id)
    line.close()
