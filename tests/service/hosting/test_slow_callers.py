"""Callers that are slow on purpose, over real sockets, against the service as it is started."""

import array
import base64
import contextlib
import fcntl
import json
import socket
import termios
import time
from collections.abc import Callable, Iterator

import httpx2
import pytest
from sqlalchemy import func, select, update

from labelaudit.enums import Role, TenantStatus
from service.accounts import api_keys, sessions, tenants
from service.core.principal import Principal
from service.db.tables import ApiKey, Upload, now
from service.storage.local import Storage
from tests.support.factories import Store, make_dataset, start_audit
from tests.support.processes import Deployment, deployed

pytestmark = pytest.mark.slow

SECONDS = 1.0  # every deadline of the service under test
SOON = 10.0  # what a busy machine may add
CONNECTIONS = 24


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Deployment]:
    """`labelaudit serve` without workers, and with short deadlines."""
    limits = {f"{part}_seconds": SECONDS for part in ("head", "body", "response")}
    folder = tmp_path_factory.mktemp("served")
    with deployed(folder, workers=0, max_connections=CONNECTIONS, **limits) as deployment:
        deployment.run("serve", "service.cli", "serve", f"--port={deployment.port}")
        until(lambda: is_ready(deployment), seconds=120)
        yield deployment


@pytest.fixture
def client(served) -> Iterator[httpx2.Client]:
    with served.client() as client:
        yield client


@pytest.fixture
def store(served) -> Iterator[Store]:
    with served.database() as database:
        yield Store(database, Storage(served.settings.resolved_storage_dir))


def is_ready(deployment: Deployment) -> bool:
    with contextlib.suppress(httpx2.TransportError):
        return httpx2.get(f"http://127.0.0.1:{deployment.port}/readyz").status_code == 200
    return False


def until(condition: Callable[[], object], *, seconds: float = SOON) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def connect(deployment: Deployment) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", deployment.port))
    connection.settimeout(SECONDS + SOON)
    return connection


def answer(connection: socket.socket) -> tuple[int, dict]:
    """The status and the JSON that the server sends before it closes the connection."""
    said = b""
    while part := connection.recv(65536):
        said += part
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    return int(head.split()[1]), json.loads(body)


def request(client: httpx2.Client, method: str, path: str, length: int, **headers: str) -> bytes:
    """The head of a request with a body."""
    given = {
        "Host": "127.0.0.1",
        "Authorization": client.headers["authorization"],
        "Content-Length": str(length),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join([*lines, "", ""]).encode()


# ------------------------------------------------------------------------------------------- heads


def test_a_half_sent_head_is_408_however_steadily_it_dribbles(served):
    with connect(served) as connection:
        began = time.monotonic()
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ")
        with contextlib.suppress(OSError):
            while time.monotonic() - began < 3 * SECONDS:
                connection.sendall(b"a")
                time.sleep(0.1)
                connection.settimeout(0.01)
                with contextlib.suppress(TimeoutError):
                    connection.recv(1, socket.MSG_PEEK)
                    break
        assert SECONDS * 0.9 < time.monotonic() - began < SECONDS + SOON
        connection.settimeout(SOON)
        status, problem = answer(connection)
    assert status == 408
    assert problem["type"] == "/problems/head-stalled"


def test_the_second_head_of_a_connection_has_a_deadline_too(served):
    with connect(served) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"200" in connection.recv(65536)
        connection.sendall(b"GET /livez HT")
        assert answer(connection)[0] == 408


def test_a_connection_that_sends_nothing_is_closed(served):
    with connect(served) as connection:
        assert connection.recv(1) == b""


def test_the_rest_of_a_body_that_nobody_reads_keeps_no_connection(served, client):
    with connect(served) as connection:
        connection.sendall(request(client, "GET", "/livez", 10_000_000))
        assert b"200" in connection.recv(65536)
        began = time.monotonic()
        with contextlib.suppress(OSError):  # reset, or a broken pipe
            while time.monotonic() - began < 3 * SECONDS + SOON:
                connection.sendall(b"x")
                time.sleep(0.1)
        assert time.monotonic() - began < 3 * SECONDS + SOON


# ------------------------------------------------------------------------------------------ bodies


def test_a_stalled_body_of_json_is_408(served, client):
    with connect(served) as connection:
        head = request(client, "POST", "/v1/keys", 100, Content_Type="application/json")
        connection.sendall(head + b'{"name": ')
        status, problem = answer(connection)
    assert (status, problem["type"]) == (408, "/problems/body-stalled")
    assert "no progress" in problem["detail"]


def test_a_stalled_upload_is_408_and_gives_back_its_slot_and_its_space(served, client, store):
    root = store.storage.root / "datasets"
    before = set(root.iterdir()) if root.exists() else set()
    with connect(served) as connection:
        connection.sendall(request(client, "POST", "/v1/datasets", 1000) + b"x" * 100)
        until(lambda: reserved(store))
        assert answer(connection)[0] == 408
    until(lambda: not reserved(store))
    assert set(root.iterdir()) <= before


def reserved(store: Store) -> int:
    with store.database.read() as session:
        return session.scalar(select(func.count()).where(Upload.completed_at.is_(None))) or 0


def test_a_body_that_dribbles_makes_no_progress(served, client):
    with connect(served) as connection:
        connection.sendall(request(client, "POST", "/v1/datasets", 1000))
        began = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - began < 3 * SECONDS:
                connection.sendall(b"x")
                time.sleep(0.1)
        assert answer(connection)[0] == 408


def test_a_stalled_resumable_upload_keeps_what_has_arrived_and_goes_on(served, client):
    tus = {"Tus-Resumable": "1.0.0"}
    content = b"label,text\n" + b"a,some words\nb,other words\n" * 20
    name = base64.b64encode(b"a.csv").decode()
    metadata = {"Upload-Length": str(len(content)), "Upload-Metadata": f"filename {name}"}
    path = client.post("/v1/uploads", headers={**tus, **metadata}).headers["location"]
    body = {"Content_Type": "application/offset+octet-stream", "Tus_Resumable": "1.0.0"}
    with connect(served) as connection:
        head = request(client, "PATCH", path, len(content), Upload_Offset="0", **body)
        connection.sendall(head + content[:100])
        assert answer(connection)[0] == 408
    assert client.head(path, headers=tus).headers["upload-offset"] == "100"
    rest = client.patch(
        path,
        content=content[100:],
        headers={**tus, "Upload-Offset": "100", "Content-Type": body["Content_Type"]},
    )
    assert rest.status_code == 204
    assert rest.headers["upload-dataset"]


def test_a_slow_body_that_makes_progress_is_taken(served, client):
    block = b"label,text\n" + b"a,some words\nb,other words\n" * 800

    def body() -> Iterator[bytes]:
        for _ in range(5):
            yield block
            time.sleep(SECONDS / 2)

    assert client.post("/v1/datasets", content=body()).status_code == 202


def wait_until_nothing_more_arrives(connection: socket.socket) -> None:
    """Until the buffers between the service and this caller are full."""

    def waiting() -> int:
        held = array.array("i", [0])
        fcntl.ioctl(connection, termios.FIONREAD, held)
        return held[0]

    before = -1
    while waiting() != before:
        before = waiting()
        time.sleep(2 * SECONDS)


def test_a_caller_that_takes_no_response_is_dropped(served):
    wanted = 300
    with connect(served) as connection:
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * wanted)
        wait_until_nothing_more_arrives(connection)
        time.sleep(4 * SECONDS)
        taken = b""
        with contextlib.suppress(OSError):
            while part := connection.recv(1 << 20):
                taken += part
    assert taken.count(b"HTTP/1.1 200") < wanted


# ------------------------------------------------------------------------------------- connections


def test_half_sent_heads_beyond_the_limit_keep_nobody_out(served, client):
    with contextlib.ExitStack() as held:
        for _ in range(4 * CONNECTIONS):
            connection = held.enter_context(connect(served))
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost:")
        for _ in range(5):
            with httpx2.Client(base_url=client.base_url) as newcomer:
                assert newcomer.get("/livez").status_code == 200


def test_where_every_connection_is_at_work_the_next_one_is_503(served, client, store):
    audit = start_audit(store, make_dataset(store))
    with contextlib.ExitStack() as held:
        for _ in range(CONNECTIONS):
            stream = held.enter_context(connect(served))
            stream.sendall(request(client, "GET", f"/v1/audits/{audit}/events", 0))
            stream.recv(1, socket.MSG_PEEK)
        with connect(served) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            status, problem = answer(connection)
    assert (status, problem["type"]) == (503, "/problems/too-many-connections")
    until(lambda: is_ready(served))


# ----------------------------------------------------------------------------------------- streams


def test_a_stream_ends_with_the_right_to_follow_it(served, client, store):
    """One stream for each way in which it may end, all at once, and one that goes on."""
    with store.database.write() as session:
        tenant, other_admin = tenants.create_tenant(session, name="other", admin="Zoe")
    dataset = make_dataset(store, shared=False)
    audit = start_audit(store, dataset)
    others = start_audit(store, make_dataset(store, tenant_id=tenant.id))

    def key(name: str, role: Role = Role.uploader) -> tuple[str, str]:
        with store.database.write() as session:
            made, token = api_keys.create_key(session, name=name, role=role)
        return made.id, token

    def change(act: Callable[..., object]) -> None:
        with store.database.write() as session:
            act(session)

    keys = {name: key(name) for name in ("revoked", "expired", "rotated", "signed out", "stays")}
    member, member_token = key("member", Role.annotator)
    access = f"/v1/datasets/{dataset}/members/{member}"
    assert client.put(access).is_success
    with store.database.write() as session:
        owner = Principal(keys["signed out"][0], "signed out", Role.uploader)
        _, cookie = sessions.begin(session, owner, how="key", browser=None)
    with contextlib.ExitStack() as held:

        def follow(audit_id: str, credentials: str) -> socket.socket:
            stream = held.enter_context(connect(served))
            lines = [
                f"GET /v1/audits/{audit_id}/events HTTP/1.1",
                f"Host: 127.0.0.1:{served.port}",
                credentials,
            ]
            stream.sendall("\r\n".join([*lines, "", ""]).encode())
            until(lambda: b"event: progress" in stream.recv(65536, socket.MSG_PEEK))
            return stream

        streams = {
            name: follow(audit, f"Authorization: Bearer {token}")
            for name, (_, token) in keys.items()
            if name != "signed out"
        }
        streams["signed out"] = follow(audit, f"Cookie: labelaudit-{served.port}={cookie}")
        streams["suspended"] = follow(others, f"Authorization: Bearer {other_admin}")
        streams["unshared"] = follow(audit, f"Authorization: Bearer {member_token}")
        change(lambda s: api_keys.revoke_key(s, keys["revoked"][0]))
        change(lambda s: api_keys.rotate_key(s, keys["rotated"][0]))
        change(lambda s: sessions.end_all(s, keys["signed out"][0]))
        change(lambda s: tenants.set_status(s, tenant.id, TenantStatus.suspended))
        expired = update(ApiKey).where(ApiKey.id == keys["expired"][0]).values(expires_at=now())
        change(lambda s: s.execute(expired))
        assert client.delete(access).is_success
        stays = streams.pop("stays")
        deadline = time.monotonic() + 8
        for name, stream in streams.items():
            stream.settimeout(max(0.1, deadline - time.monotonic()))
            with contextlib.suppress(ConnectionError):
                while part := stream.recv(65536):
                    assert part, name
                    if part.endswith(b"0\r\n\r\n"):
                        break
        stays.settimeout(0.2)
        stays.recv(65536)
        with pytest.raises(TimeoutError):
            stays.recv(65536)
