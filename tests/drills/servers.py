"""Drills that hurt the database server and the broker."""

import threading
import time

import psycopg
import redis

from service.db.tables import Job
from tests.drills.arena import QUICK, TRAINING, Arena
from tests.drills.registry import PRODUCTION, drill
from tests.drills.stack import until

CLIENTS = 60


@drill(shapes=PRODUCTION)
def duplicate_notifications(arena: Arena) -> None:
    """Every queue is notified five times in each tenth of a second: each job still runs once."""
    from service.jobs.broker import notifier
    from service.jobs.graph import Queue

    notify = notifier(arena.stack.deployment.settings)
    audit = arena.start(QUICK)
    while not arena.stack.finished(audit):
        for _ in range(5):
            notify(set(Queue))
        time.sleep(0.1)
    arena.expect_undisturbed(audit)
    assert arena.stack.run_again(audit) == []


@drill(shapes=PRODUCTION)
def lost_notifications(arena: Arena) -> None:
    """Redis forgets everything, every half second."""
    assert arena.stack.redis is not None
    since = time.monotonic()
    audit = arena.start(QUICK)
    with redis.Redis.from_url(arena.stack.redis.url) as broker:
        while not arena.stack.finished(audit):
            broker.flushall()
            time.sleep(0.5)
    arena.ledger.recovered(since)
    arena.expect_undisturbed(audit)


@drill(shapes=PRODUCTION, in_ci=PRODUCTION)
def redis_restart(arena: Arena) -> None:
    """SIGKILL to Redis in the middle of an audit, back after some seconds."""
    assert arena.stack.redis is not None
    audit = arena.start(TRAINING)
    until(lambda: arena.stack.training(audit))
    arena.stack.redis.kill9()
    time.sleep(arena.rng.uniform(0.5, 3.0))
    queued = arena.start(QUICK)  # the API accepts and answers without a broker
    assert arena.client.call("GET", audit).status_code == 200
    arena.stack.redis.start()
    since = time.monotonic()
    until(lambda: arena.stack.finished(queued))
    arena.ledger.recovered(since)
    arena.expect_undisturbed(audit)
    arena.expect_undisturbed(queued)


@drill(shapes=PRODUCTION)
def postgres_restart(arena: Arena) -> None:
    """SIGKILL to Postgres while an audit trains and people decide, back after some seconds."""
    assert arena.stack.postgres is not None
    reviewed, audit = arena.reviewable(), arena.start(TRAINING)
    until(lambda: arena.stack.training(audit))
    with arena.annotators(reviewed, 6):
        time.sleep(arena.rng.uniform(0.3, 1.5))
        arena.stack.postgres.kill9()
        time.sleep(arena.rng.uniform(0.2, 2.0))
        arena.stack.postgres.start()
        since = time.monotonic()
        answer = arena.client.call("GET", audit)
        assert answer.status_code == 200
        arena.ledger.recovered(since)
    arena.expect_undisturbed(audit)


@drill(shapes=PRODUCTION)
def no_connection_left(arena: Arena) -> None:
    """More clients wait for one locked row than there are connections: 503 in seconds, no hang."""
    assert arena.stack.postgres is not None
    audit = arena.reviewable()
    dataset = arena.client.call("GET", audit).json()["dataset_id"]
    before, refused = _connections(arena), arena.ledger.outcomes["unknown: 503"]
    with arena.annotators(audit, CLIENTS):
        with psycopg.connect(arena.stack.postgres.url) as holder:
            holder.execute("SELECT 1 FROM dataset WHERE id = %s FOR UPDATE", (dataset,))
            until(lambda: arena.ledger.outcomes["unknown: 503"] > refused + CLIENTS, seconds=60)
            assert arena.client.http.get("/livez", timeout=10).is_success
        since = time.monotonic()
        assert arena.client.call("GET", audit).status_code == 200
        arena.ledger.recovered(since)
    assert _connections(arena) <= max(before, 50)


def _connections(arena: Arena) -> int:
    assert arena.stack.postgres is not None
    with psycopg.connect(arena.stack.postgres.url) as connection:
        row = connection.execute("SELECT count(*) FROM pg_stat_activity").fetchone()
    assert row is not None
    return int(row[0])


@drill(shapes=PRODUCTION)
def postgres_pause(arena: Arena) -> None:
    """Postgres keeps its connections and answers nothing for some seconds, like a cut network."""
    assert arena.stack.postgres is not None
    reviewed, audit = arena.reviewable(), arena.start(TRAINING)
    until(lambda: arena.stack.training(audit))
    threads = threading.active_count()
    with arena.annotators(reviewed, 4):
        time.sleep(0.5)
        arena.stack.postgres.pause()
        time.sleep(arena.rng.uniform(3.0, 6.0))
        arena.stack.postgres.resume()
        since = time.monotonic()
        assert arena.client.call("GET", audit).status_code == 200
        arena.ledger.recovered(since)
    assert threading.active_count() <= threads
    arena.expect_undisturbed(audit)
    assert arena.stack.jobs(audit, Job.attempt > 3) == []
