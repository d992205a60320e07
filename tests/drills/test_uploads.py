"""Drills on uploads: the API, or the sender, is killed at random bytes."""

import hashlib
import random
import time
from pathlib import Path

import pytest

from labelaudit import Client
from labelaudit.enums import Role
from service.accounts.api_keys import create_key
from tests.support.processes import Deployment, deployed

pytestmark = pytest.mark.slow

MEGABYTE = 1 << 20
KILLS = 3


def token_of(deployment: Deployment) -> str:
    with deployment.database() as database, database.write() as session:
        return create_key(session, name="the drill", role=Role.admin)[1]


def big_csv(folder: Path, megabytes: int) -> Path:
    path = folder / "big.csv"
    word = "x" * 1000
    with path.open("w") as file:
        file.write("sample_id,label,text\n")
        for row in range(megabytes * MEGABYTE // 1020):
            file.write(f"r{row},{'ab'[row % 2]},{word}\n")
    return path


def test_the_api_killed_at_random_bytes_of_an_upload_loses_and_doubles_nothing(
    database_url: str, tmp_path: Path
) -> None:
    """Drill 13."""
    path = big_csv(tmp_path, 64)
    size = path.stat().st_size
    kills = sorted(random.sample(range(MEGABYTE, size - MEGABYTE), KILLS))
    with deployed(tmp_path, database_url=database_url) as deployment:
        api = deployment.api()

        def kill(sent: int, _: int) -> None:
            if kills and sent >= kills[0]:
                kills.pop(0)
                api.kill9()
                api.start()

        with Client(f"http://127.0.0.1:{deployment.port}", token_of(deployment)) as client:
            dataset = client.upload(path, wait=False, on_bytes=kill)
            assert not kills, "the upload ended before its last kill"
            assert dataset.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
            assert [one.id for one in client.datasets()] == [dataset.id]
        stored = deployment.settings.resolved_storage_dir
        files = [file for file in stored.rglob("*") if file.is_file()]
        assert [file.stat().st_size for file in files] == [size]


def test_a_program_killed_while_it_uploads_goes_on_where_it_stood(
    database_url: str, tmp_path: Path
) -> None:
    """Drill 13, the other side: the client vanishes and a new one makes the same call."""
    path = big_csv(tmp_path, 16)

    class Killed(BaseException):
        pass

    def die(sent: int, _: int) -> None:
        if sent > 10 * MEGABYTE:
            raise Killed

    with deployed(tmp_path, database_url=database_url) as deployment:
        deployment.api()
        url, token = f"http://127.0.0.1:{deployment.port}", token_of(deployment)
        with Client(url, token) as client, pytest.raises(Killed):
            client.upload(path, wait=False, on_bytes=die)
        time.sleep(0.5)
        starts: list[int] = []
        with Client(url, token) as client:
            dataset = client.upload(path, wait=False, on_bytes=lambda sent, _: starts.append(sent))
            assert [one.id for one in client.datasets()] == [dataset.id]
        assert starts[0] > 5 * MEGABYTE, "the second program began anew"
        assert dataset.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
