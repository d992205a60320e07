"""The private servers are what every database test and fault drill stands on."""

import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import redis

from tests.support.servers import _packaged, private_postgres, private_redis

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def _soon_dead(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not _alive(pid)


def test_postgres_keeps_what_was_committed_when_it_is_killed() -> None:
    with private_postgres() as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
        server.kill9()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.url)
        server.restart()
        with psycopg.connect(server.url) as connection:
            row = connection.execute("SELECT value FROM kept").fetchone()
        pid, folder = server.pid, server.folder
    assert row == (7,)
    assert not _alive(pid)
    assert not folder.exists()


def test_postgres_speaks_utf8_and_the_wire_protocol_of_a_supported_version() -> None:
    with private_postgres() as server, psycopg.connect(server.url) as connection:
        row = connection.execute("SELECT 'žluť', current_setting('server_encoding')").fetchone()
        assert row == ("žluť", "UTF8")
        assert connection.info.server_version >= 140000


def test_a_paused_postgres_leaves_open_connections_hanging_until_it_is_resumed() -> None:
    with (
        private_postgres() as server,
        psycopg.connect(server.url) as connection,
        ThreadPoolExecutor(1) as pool,
    ):
        server.pause()
        answer = pool.submit(lambda: connection.execute("SELECT 7").fetchone())
        with pytest.raises(TimeoutError):
            answer.result(timeout=0.3)
        server.resume()
        assert answer.result(timeout=10) == (7,)


def test_two_postgres_servers_do_not_see_each_other() -> None:
    with private_postgres() as one, private_postgres() as other:
        assert one.url != other.url
        with psycopg.connect(one.url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE mine")
        with psycopg.connect(other.url) as connection:
            names = connection.execute("SELECT datname FROM pg_database").fetchall()
    assert ("mine",) not in names


def test_redis_keeps_what_was_written_a_second_before_it_is_killed() -> None:
    with private_redis() as server:
        with redis.Redis.from_url(server.url) as client:
            client.set("kept", "7")
            time.sleep(1.1)  # appendfsync everysec
            server.kill9()
            with pytest.raises(redis.ConnectionError):
                client.get("kept")
            server.restart()
            assert client.get("kept") == b"7"
        pid = server.pid
    assert not _alive(pid)


def test_a_paused_server_answers_again_once_it_is_resumed() -> None:
    with (
        private_redis() as server,
        redis.Redis.from_url(server.url, socket_timeout=0.2) as client,
    ):
        client.ping()
        server.pause()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        server.resume()
        assert client.ping()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills children with their parent")
@pytest.mark.parametrize("kind", ["private_postgres", "private_redis"])
def test_a_server_dies_with_the_process_that_started_it_even_by_sigkill(kind: str) -> None:
    program = (
        f"from tests.support.servers import {kind}\n"
        "import time\n"
        f"with {kind}() as server:\n"
        "    print(server.pid, server.folder, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told, folder = process.stdout.readline().split()
        pid = int(told)
        assert _alive(pid)
        os.kill(process.pid, signal.SIGKILL)
    assert _soon_dead(pid)
    shutil.rmtree(folder)


def test_missing_binaries_are_explained() -> None:
    with pytest.raises(RuntimeError, match="install the `dev` extra"):
        _packaged("no_such_package", "bin")
