"""The real thing, as processes: killed without warning, and none the worse for it.

Production is Postgres, Redis, an API process and a Celery worker for each queue; the embedded
default is SQLite and one worker that polls. Both go the whole road, and a worker that is killed in
the middle of training changes nothing in the result, to the last bit.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
import redis
from sqlalchemy import select

from labelaudit.enums import JobStatus, JobType
from service.db.tables import Job
from tests.support import road, servers
from tests.support.processes import Deployment, Process, deployed

pytestmark = pytest.mark.slow

SOON = {"job_lease_seconds": 2, "sweep_seconds": 0.5, "device": "cpu"}
LONG_TRAINING = {"epochs": 80, "replicas": 4, "replicas_per_shard": 2, "families": ["network"]}
PATIENCE = 120.0


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Postgres, Redis, the API, and a Celery worker for each queue."""
    folder = tmp_path_factory.mktemp("production")
    with (
        servers.private_postgres() as postgres,
        servers.private_redis() as broker,
        deployed(folder, database_url=postgres.url, redis_url=broker.url, **SOON) as deployment,
    ):
        deployment.worker("cpu")
        deployment.worker("gpu")
        deployment.api()
        yield deployment


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """SQLite, the API, and one worker that polls for everything."""
    with deployed(tmp_path_factory.mktemp("embedded"), **SOON) as deployment:
        deployment.worker()
        deployment.api()
        yield deployment


@pytest.fixture(params=["production", "embedded"])
def deployment(request: pytest.FixtureRequest) -> Deployment:
    found: Deployment = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def client(deployment: Deployment) -> Iterator[httpx2.Client]:
    with deployment.client() as client:
        yield client


def rest() -> None:
    time.sleep(0.1)


def worker_that_trains(deployment: Deployment) -> Process:
    workers = [process for process in deployment.processes if "worker" in process.command]
    return workers[-1]  # production's is that of the gpu queue; embedded there is but one


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def completed(client: httpx2.Client, path: str) -> dict[str, Any]:
    job = road.finished(client, path, rest, seconds=PATIENCE)
    assert job["status"] == "completed", job["problem"]
    return job


def result(client: httpx2.Client, audit: str) -> list[tuple[Any, ...]]:
    return [
        (item["rank"], item["sample_id"], item["p_wrong"], item["p_wrong_low"], item["tier"])
        for item in road.ranked(client, audit)
    ]


def training(deployment: Deployment, audit: str) -> Job | None:
    """A train job of the audit that is under way and has told some progress."""
    with deployment.database() as database, database.read() as session:
        return session.scalars(
            select(Job).where(
                Job.subject_id == audit.rsplit("/", 1)[1],
                Job.type == JobType.train,
                Job.status == JobStatus.running,
                Job.progress > 0,
            )
        ).first()


def attempts(deployment: Deployment, audit: str) -> list[int]:
    with deployment.database() as database, database.read() as session:
        found = session.scalars(
            select(Job.attempt).where(
                Job.subject_id == audit.rsplit("/", 1)[1], Job.type == JobType.train
            )
        )
        return list(found)


def test_the_whole_road(deployment, client):
    upload = road.table()
    dataset = road.send(client, upload, rest, seconds=PATIENCE)
    audit = road.start(client, dataset, upload.wish)
    completed(client, audit)
    assert road.hits(road.ranked(client, audit), upload) >= 0.6

    items = client.post(f"{audit}/queue/next", json={"count": 10}).json()["items"]
    decisions = [{"sample_id": item["sample_id"], "verdict": "keep"} for item in items]
    answer = client.post(f"{audit}/corrections", json={"corrections": decisions})
    assert answer.json()["dataset_version"] == len(items)

    for format in ("original", "csv", "parquet", "patch"):
        export = client.post(f"/v1/datasets/{dataset['id']}/exports", json={"format": format})
        job = completed(client, export.headers["location"])
        assert len(client.get(job["download_url"]).content) == job["bytes"]

    again = road.start(client, dataset, upload.wish)
    assert completed(client, again)["dataset_version"] == len(items)
    states = {item["sample_id"]: item["state"] for item in road.ranked(client, again)}
    assert {states[decision["sample_id"]] for decision in decisions} == {"decided"}


def test_a_worker_killed_in_the_middle_of_training_changes_nothing(deployment, client):
    upload = road.vectors(300, **LONG_TRAINING)
    dataset = road.send(client, upload, rest, seconds=PATIENCE)
    audit = road.start(client, dataset, upload.wish)
    until(lambda: training(deployment, audit))
    worker = worker_that_trains(deployment)
    worker.kill9()
    worker.start()
    completed(client, audit)
    assert max(attempts(deployment, audit)) >= 2, "nothing was interrupted"

    undisturbed = road.start(client, dataset, upload.wish)
    completed(client, undisturbed)
    assert attempts(deployment, undisturbed) == [1, 1]
    assert result(client, audit) == result(client, undisturbed)


def test_a_worker_told_to_stop_gives_its_job_back(embedded):
    with embedded.client() as client:
        upload = road.vectors(300, **LONG_TRAINING)
        dataset = road.send(client, upload, rest, seconds=PATIENCE)
        audit = road.start(client, dataset, upload.wish)
        until(lambda: training(embedded, audit))
        worker = worker_that_trains(embedded)
        assert worker.stop(seconds=10) == 0
        assert training(embedded, audit) is None
        worker.start()
        completed(client, audit)
        assert attempts(embedded, audit) == [1, 1]


def test_an_audit_cancelled_in_the_middle_of_training_frees_its_worker(deployment, client):
    upload = road.vectors(300, **{**LONG_TRAINING, "epochs": 1000})
    dataset = road.send(client, upload, rest, seconds=PATIENCE)
    audit = road.start(client, dataset, upload.wish)
    until(lambda: training(deployment, audit))
    assert client.post(f"{audit}/cancel").json()["status"] == "cancelled"
    following = road.start(client, dataset, {**upload.wish, "epochs": 5})
    completed(client, following)
    assert client.get(audit).json()["status"] == "cancelled"
    assert client.get(f"{audit}/suspects").status_code == 409


def test_a_broker_that_forgets_everything_only_delays(production):
    with production.client() as client:
        upload = road.vectors(150, epochs=5)
        gpu = worker_that_trains(production)
        dataset = road.send(client, upload, rest, seconds=PATIENCE)
        gpu.kill9()
        audit = road.start(client, dataset, upload.wish)
        with redis.Redis.from_url(production.settings.redis_url) as broker:
            broker.flushall()
        gpu.start()
        completed(client, audit)
