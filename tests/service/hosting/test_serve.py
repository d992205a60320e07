"""`labelaudit serve` and `labelaudit start`: processes, files and their permissions."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from labelaudit import ApiError, Client, ServiceUnreachableError
from labelaudit.client.session_file import read_address
from service.core.config import Settings
from service.hosting.embedded import _listen
from tests.service.cli.conftest import Served, command, environment
from tests.support.live import free_port

pytestmark = pytest.mark.slow

Serve = Callable[..., Served]


def children(process: int) -> list[int]:
    path = Path(f"/proc/{process}/task/{process}/children")
    threads = path.parent.parent.iterdir()
    return [int(child) for one in threads for child in (one / "children").read_text().split()]


def connected(served: Served) -> Client:
    return Client(data_dir=served.data_dir)


def eventually(condition: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def test_an_answer_is_sent_at_once_and_not_held_back_to_fill_a_packet() -> None:
    """Each answer is a head and a body; held back, the body waits for the head's receipt: 40 ms."""

    async def served_without_delay() -> bool:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def called(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted = writer.get_extra_info("socket")
            found.set_result(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(called, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            without_delay = bool(await found)
            writer.close()
        return without_delay

    # in a thread of its own: a browser of another test may have left a loop running in this one
    with (
        _listen(Settings(host="127.0.0.1", port=0), port_is_fixed=False) as listener,
        ThreadPoolExecutor(1) as aside,
    ):
        assert aside.submit(lambda: asyncio.run(served_without_delay())).result()


def test_a_service_keeps_its_files_private_and_takes_its_address_along(serve: Serve) -> None:
    served = serve("--workers", "0")
    served.wait_until_up()
    address = read_address(served.data_dir)
    assert address is not None
    modes = {path.name: path.stat().st_mode & 0o077 for path in served.data_dir.iterdir()}
    assert set(modes.values()) == {0}, modes
    assert served.data_dir.stat().st_mode & 0o777 == 0o700
    printed = served.stop(signal.SIGINT)
    assert f"{address.url}/#token={address.token}" in printed
    assert read_address(served.data_dir) is None
    assert served.process.returncode == 0


def test_a_second_service_on_the_same_data_is_refused(serve: Serve) -> None:
    first = serve("--workers", "0")
    first.wait_until_up()
    second = serve("--workers", "0")
    errors = second.wait()
    assert second.process.returncode == 1
    assert f"process {first.process.pid}" in errors
    assert "--data-dir" in errors
    address = read_address(first.data_dir)
    assert address is not None
    assert httpx.get(f"{address.url}/readyz").json()["status"] == "ready"


def test_each_start_gives_the_same_key_a_new_token(serve: Serve) -> None:
    first = serve("--workers", "0")
    first.wait_until_up()
    old = read_address(first.data_dir)
    assert old is not None
    with Client(old.url, old.token) as client:
        key_id = client.me().id
    first.stop()
    second = serve("--workers", "0")
    second.wait_until_up()
    new = read_address(second.data_dir)
    assert new is not None
    with Client(new.url, new.token) as client:
        me = client.me()
        assert (me.id, me.role, me.expires_at) == (key_id, "admin", None)
        listed = client.keys()
    assert [key.id for key in listed] == [key_id]
    with Client(new.url, old.token) as client, pytest.raises(ApiError, match="not valid"):
        client.me()


def test_a_dead_worker_is_replaced_and_all_end_with_the_service(serve: Serve) -> None:
    served = serve("--workers", "2")
    served.wait_until_up()
    eventually(lambda: len(children(served.process.pid)) == 2)
    first, other = children(served.process.pid)
    os.kill(first, signal.SIGKILL)
    eventually(lambda: len(set(children(served.process.pid)) - {first}) == 2)
    workers = children(served.process.pid)
    assert other in workers
    served.stop()
    assert not any(is_alive(worker) for worker in workers)


def test_workers_do_not_outlive_a_service_that_is_killed(
    serve: Serve, probabilities_file: Path
) -> None:
    served = serve()
    served.wait_until_up()
    with connected(served) as client:
        client.upload(probabilities_file)  # read by the worker, which therefore is up
    (worker,) = children(served.process.pid)
    served.stop(signal.SIGKILL)
    eventually(lambda: not is_alive(worker))


def test_an_open_progress_stream_does_not_keep_the_service_up(
    serve: Serve, probabilities_file: Path
) -> None:
    served = serve()
    served.wait_until_up()
    with connected(served) as client:
        dataset = client.upload(probabilities_file)
        os.kill(children(served.process.pid)[0], signal.SIGSTOP)  # the audit will not move
        audit = client.audit(dataset.id)
        with client._transport.stream("GET", f"/v1/audits/{audit.id}/events") as stream:
            next(stream.iter_lines())
            began = time.monotonic()
            served.stop()
            assert time.monotonic() - began < 15


def test_a_taken_port_is_left_for_a_free_one_unless_it_was_asked_for(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused = subprocess.run(
            command("serve", "--workers", "0", "--port", port),
            env=environment(tmp_path / "a"),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert refused.returncode == 1
    assert f"port {port}" in refused.stderr


def test_a_page_elsewhere_cannot_reach_the_service_under_its_own_name(serve: Serve) -> None:
    served = serve("--workers", "0")
    served.wait_until_up()
    address = read_address(served.data_dir)
    assert address is not None
    assert httpx.get(f"{address.url}/livez", headers={"Host": "evil.example"}).status_code == 400
    assert httpx.get(f"{address.url}/livez", headers={"Host": "localhost"}).status_code == 200


def test_listening_to_other_machines_prints_no_token(serve: Serve) -> None:
    served = serve("--workers", "0", "--host", "0.0.0.0")
    served.wait_until_up()
    address = read_address(served.data_dir)
    assert address is not None
    printed = served.stop()
    assert address.token not in printed
    assert "session.json" in printed


def test_with_a_database_of_its_own_it_serves_http_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'database.sqlite3'}"
    outside = environment(tmp_path / "data") | {"LABELAUDIT_DATABASE_URL": url}

    def call(*words: str) -> str:
        return subprocess.run(
            command(*words), env=outside, capture_output=True, text=True, timeout=60, check=True
        ).stdout

    call("migrate")
    token = call("keys", "create", "first", "--role", "admin", "--direct").strip()
    port = free_port()
    process = subprocess.Popen(command("serve", "--port", str(port)), env=outside)
    try:
        with Client(f"http://127.0.0.1:{port}", token) as client:
            eventually(lambda: answers(client), 60)
            assert client.me().name == "first"
        assert children(process.pid) == []
        assert read_address(tmp_path / "data") is None
        process.terminate()
        assert process.wait(30) in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.wait()


def answers(client: Client) -> bool:
    try:
        return bool(client.me())
    except ServiceUnreachableError:
        return False


def test_start_audits_a_file_shows_the_suspects_and_leaves_nothing_running(
    probabilities_file: Path, wrong_ids: list[str], tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    result = subprocess.run(
        command("start", probabilities_file, "--limit", "15"),
        env=environment(data_dir),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "Wrong labels: about" in result.stdout
    assert all(sample_id in result.stdout for sample_id in wrong_ids)
    assert read_address(data_dir) is None
    assert (data_dir / "service.log").stat().st_mode & 0o077 == 0


def test_start_uses_the_service_that_runs_and_leaves_it_running(
    serve: Serve, probabilities_file: Path
) -> None:
    served = serve()
    served.wait_until_up()
    result = subprocess.run(
        command("start", probabilities_file, "--json"),
        env=environment(served.data_dir),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    address = read_address(served.data_dir)
    assert address is not None
    assert json.loads(result.stdout)["url"].startswith(address.url)
    assert httpx.get(f"{address.url}/livez").status_code == 200


def test_a_service_that_start_began_ends_when_start_is_killed(
    probabilities_file: Path, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    starting = subprocess.Popen(
        command("start", probabilities_file),
        env=environment(data_dir),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    eventually(lambda: read_address(data_dir), 60)
    (began,) = children(starting.pid)
    starting.kill()
    starting.wait()
    eventually(lambda: not is_alive(began))
