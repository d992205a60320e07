"""What only a real server shows: bounded memory, callers that vanish, streams that are cut."""

import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from labelaudit.enums import JobStatus
from service.audits import records as audits
from tests.support.factories import Store, make_dataset, start_audit
from tests.support.processes import Deployment, Process, deployed

pytestmark = pytest.mark.slow

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def deployment(tmp_path_factory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("deployment")
    with deployed(folder, max_upload_bytes=300 * MEGABYTE) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def api(deployment) -> Process:
    return deployment.api()


@pytest.fixture
def client(deployment, api) -> Iterator[httpx2.Client]:
    with deployment.client() as client:
        yield client


@pytest.fixture
def store(deployment) -> Iterator[Store]:
    from service.storage.local import Storage

    with deployment.database() as database:
        yield Store(database, Storage(deployment.settings.resolved_storage_dir))


def memory(process: Process, name: str) -> int:
    """`VmRSS` (now) or `VmHWM` (the most ever), in bytes."""
    with Path(f"/proc/{process.pid}/status").open() as status:
        line = next(line for line in status if line.startswith(name))
    return int(line.split()[1]) * 1024


def folders(deployment: Deployment) -> set[str]:
    root = deployment.settings.resolved_storage_dir / "datasets"
    return {path.name for path in root.iterdir()} if root.exists() else set()


def body(megabytes: int) -> Iterator[bytes]:
    block = bytes(range(250)) * 4000
    for _ in range(megabytes):
        yield block


def test_a_large_upload_takes_disk_and_not_memory(client, api):
    warm = client.post("/v1/datasets", content=body(2)).json()
    before = memory(api, "VmRSS")
    answer = client.post("/v1/datasets", content=body(200))
    assert answer.status_code == 202
    assert answer.json()["bytes"] == 200 * MEGABYTE
    grown = memory(api, "VmHWM") - before
    for dataset in (warm, answer.json()):
        client.delete(f"/v1/datasets/{dataset['id']}")
    assert grown < 30 * MEGABYTE


def test_an_upload_beyond_the_limit_is_refused_midway_and_leaves_nothing(client, deployment):
    before = folders(deployment)
    answer = client.post("/v1/datasets", content=body(301))
    assert answer.status_code == 413
    assert answer.json()["type"] == "/problems/upload-too-large"
    assert folders(deployment) <= before


def test_a_body_that_is_no_upload_is_bounded_before_anybody_is_asked_who_they_are(deployment, api):
    before = memory(api, "VmRSS")
    with httpx2.Client(base_url=f"http://127.0.0.1:{deployment.port}", timeout=60) as anonymous:
        answer = anonymous.post("/v1/keys", content=body(100))
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert memory(api, "VmHWM") - before < 40 * MEGABYTE


def test_a_caller_that_vanishes_midway_leaves_nothing(client, deployment, api):
    before, listed = folders(deployment), client.get("/v1/datasets").json()
    token = client.headers["authorization"]
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", deployment.port)) as connection:
            connection.sendall(
                b"POST /v1/datasets HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9000000\r\n"
                b"Authorization: " + token.encode() + b"\r\n\r\n" + b"x" * 1_000_000
            )
            until(lambda: folders(deployment) - before)
    until(lambda: not folders(deployment) - before)
    assert client.get("/v1/datasets").json() == listed
    assert "unexpected_error" not in api.said()
    assert "Traceback" not in api.said()


def until(condition, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# ----------------------------------------------------------------------------------------- streams


def follow(client: httpx2.Client, audit_id: str, last: int, most: int) -> list[tuple[int, dict]]:
    """At most so many events behind `last`; the stream is cut after them."""
    found: list[tuple[int, dict]] = []
    with client.stream(
        "GET", f"/v1/audits/{audit_id}/events", headers={"Last-Event-ID": str(last)}
    ) as stream:
        seq = 0
        for line in stream.iter_lines():
            if line.startswith("id: "):
                seq = int(line.removeprefix("id: "))
            if line.startswith("data: "):
                found.append((seq, json.loads(line.removeprefix("data: "))))
                if len(found) == most:
                    break
    return found


def test_a_stream_cut_again_and_again_tells_every_event_once_and_ends(store, client):
    audit_id = start_audit(store, make_dataset(store))

    def progress() -> None:
        for number in range(40):
            with store.database.write() as session:
                audits.record_event(session, audit_id, {"status": "running", "number": number})
            time.sleep(0.02)
        with store.database.write() as session:
            audits.cancel_audit(session, audit_id)

    thread = threading.Thread(target=progress)
    thread.start()
    seen: list[tuple[int, dict]] = []
    while not seen or seen[-1][1]["status"] != JobStatus.cancelled:
        seen += follow(client, audit_id, len(seen), 7)
    thread.join()
    assert [seq for seq, _ in seen] == list(range(1, 43))
    assert [data["number"] for _, data in seen[1:-1]] == list(range(40))
    assert follow(client, audit_id, len(seen), 7) == []  # it ends at once: nothing is left to tell


def test_an_unknown_audit_has_no_stream(client):
    assert client.get("/v1/audits/unknown/events").status_code == 404


def test_the_server_ends_on_sigterm_while_somebody_follows_a_stream(tmp_path):
    from service.storage.local import Storage

    with deployed(tmp_path) as deployment:
        api = deployment.api()
        with deployment.database() as database, deployment.client() as client:
            store = Store(database, Storage(deployment.settings.resolved_storage_dir))
            audit_id = start_audit(store, make_dataset(store))
            with client.stream("GET", f"/v1/audits/{audit_id}/events") as stream:
                lines = stream.iter_lines()
                assert next(lines) == "id: 1"
                started = time.monotonic()
                assert api.stop(seconds=15) in (0, -signal.SIGTERM)
                assert time.monotonic() - started < 8
