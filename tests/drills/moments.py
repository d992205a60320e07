"""Drills of hard moments: clocks that are wrong, a migration under load, the power gone."""

import contextlib
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from service.db import migrate
from service.db.engine import Database
from service.db.tables import Job
from tests.drills.arena import TRAINING, Arena
from tests.drills.registry import PRODUCTION, drill
from tests.drills.stack import (
    LEASE_SECONDS,
    Stack,
    children,
    kill,
    until,
)
from tests.drills.workers import taken_up, victim
from tests.support.processes import Process

HOURS = 3600.0
TRIES = 4
DECISIONS_BEFORE = 5  # and many more to come
WRONG_CLOCK = Path(__file__).with_name("wrong_clock")
ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def with_wrong_clock(process: Process, seconds: float) -> Iterator[None]:
    """A process that is started again with a clock of its own."""
    usual = process.environment
    process.kill9()
    process.environment = {
        **usual,
        "PYTHONPATH": os.pathsep.join([str(WRONG_CLOCK), str(ROOT)]),
        "LABELAUDIT_DRILL_CLOCK_SECONDS": str(seconds),
    }
    process.start()
    try:
        yield
    finally:
        process.kill9()
        process.environment = usual
        process.start()


@drill(shapes=PRODUCTION)
def clock_skew(arena: Arena) -> None:
    """One worker's clock is three hours ahead, the other's three behind: neither takes a job from
    the other before its time, and a dead one's job does not stay taken for ever."""
    ahead, behind = arena.stack.workers
    with with_wrong_clock(ahead, 3 * HOURS), with_wrong_clock(behind, -3 * HOURS):
        peaceful = _in_which_both_work(arena)
        audit = arena.start(TRAINING)
        job = victim(arena, audit)
        assert job is not None
        since = time.monotonic()
        arena.stack.kill_worker_of(job)
        until(lambda: taken_up(arena.stack, job), seconds=20 * LEASE_SECONDS)
        arena.ledger.recovered(since)
        arena.completed(audit)
    arena.expect_undisturbed(peaceful)
    arena.expect_undisturbed(audit)


def _in_which_both_work(arena: Arena) -> str:
    """An undisturbed audit with a job of either worker, as the times that they wrote show."""
    for _ in range(TRIES):
        audit = arena.start(TRAINING)
        arena.completed(audit)
        assert not arena.stack.run_again(audit), "a job was stolen"
        began = [job.started_at for job in arena.stack.jobs(audit) if job.started_at]
        if max(began) - min(began) > timedelta(hours=2):
            return audit
    raise AssertionError("the clocks were not wrong, or one worker never took a job")


LATER = '''"""Adds columns to the busiest tables, and a table, as a later version would."""

import sqlalchemy as sa
from alembic import op

revision = "drill"
down_revision = "{head}"
branch_labels = None
depends_on = None
TABLES = ("job", "suspect", "correction", "dataset")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(
            table, sa.Column("drill", sa.Integer(), server_default="0", nullable=False)
        )
    op.create_table("drill", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade() -> None:
    op.drop_table("drill")
    for table in TABLES:
        op.drop_column(table, "drill")
'''


@drill()
def migration_under_load(arena: Arena) -> None:
    """The schema of a later version is put in and taken back out while people decide, a model
    trains and somebody reads for long: what runs goes on, and stays ready."""
    reviewed, audit = arena.reviewable(), arena.start(TRAINING)
    until(lambda: arena.stack.training(audit))
    with (
        tempfile.TemporaryDirectory(prefix="labelaudit-versions-") as folder,
        owner_of(arena.stack) as database,
    ):
        config = migrate.alembic_config()
        head = ScriptDirectory.from_config(config).get_current_head()
        Path(folder, "drill_later.py").write_text(LATER.format(head=head))
        config.set_main_option("path_separator", "os")
        versions = Path(migrate.__file__).parents[1] / "migrations" / "versions"
        config.set_main_option("version_locations", f"{versions}:{folder}")
        with arena.annotators(reviewed, 4), _reader(arena):
            for act, revision, there in (
                (command.upgrade, "drill", True),
                (command.downgrade, head, False),
            ):
                time.sleep(arena.rng.uniform(0.2, 1.0))
                since = time.monotonic()
                migrate.run(database, lambda config, act=act, to=revision: act(config, to), config)  # type: ignore[misc]
                arena.ledger.recovered(since)
                columns = {one["name"] for one in inspect(database.engine).get_columns("suspect")}
                assert ("drill" in columns) is there
                assert arena.client.call("GET", "/readyz").status_code == 200
    arena.expect_undisturbed(audit)
    assert arena.stack.jobs(audit, Job.attempt > 1) == []


@contextlib.contextmanager
def owner_of(stack: Stack) -> Iterator[Database]:
    """The database as its owner sees it, who alone may change the schema."""
    url = stack.postgres.url if stack.postgres is not None else None
    database = Database(url or stack.deployment.settings.resolved_database_url)
    yield database
    database.dispose()


@contextlib.contextmanager
def _reader(arena: Arena) -> Iterator[None]:
    """Somebody who has read a row and not ended the transaction: a migration waits for it, and
    nobody may wait for the migration."""
    done = threading.Event()

    def read() -> None:
        with arena.stack.deployment.database() as database, database.read() as session:
            session.execute(text("SELECT count(*) FROM suspect"))
            done.wait(6.0)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@drill()
def everything_at_once(arena: Arena) -> None:
    """Every process of the service, its database and its broker is stopped at one moment and
    killed, as when the power goes; all are started again on what they had written."""
    stack = arena.stack
    if stack.postgres is not None:
        stack.postgres.durable = True  # fsync on
        stack.postgres.restart()
        stack.wait_ready()
    reviewed, audit = arena.reviewable(), arena.start(TRAINING)
    until(lambda: stack.training(audit))
    begun = len(arena.ledger.corrections)
    with arena.annotators(reviewed, 5):
        until(lambda: len(arena.ledger.corrections) > begun + DECISIONS_BEFORE)
        time.sleep(arena.rng.uniform(0, 0.5))
        before = len(arena.ledger.corrections) - begun
        everything = _freeze(arena)
        since = time.monotonic()
        for process in (stack.service, *stack.workers):
            process.kill9()
        for pid in everything:
            kill(pid)
        for server in (stack.postgres, stack.redis):
            if server is not None:
                server.restart()
        for worker in stack.workers:
            worker.start()
        stack.start_service()
        arena.ledger.recovered(since)
        arena.notes.append(f"{before} decisions were acknowledged before")
    arena.expect_undisturbed(audit)


def _freeze(arena: Arena) -> list[int]:
    """SIGSTOP to all within a millisecond or two, so that no process sees another one gone."""
    stack = arena.stack
    pids = [process.pid for process in (stack.service, *stack.workers)]
    pids += [server.pid for server in (stack.postgres, stack.redis) if server is not None]
    found = [*pids, *(child for pid in pids for child in children(pid))]
    for pid in found:
        kill(pid, signal.SIGSTOP)
    return found
