"""Nobody waits for ever, neither for a connection nor for somebody else's transaction; and what is
copied in bulk arrives as it was."""

import subprocess
import sys
import time
from typing import cast

import psycopg
import pyarrow as pa
import pytest
from sqlalchemy import Table, select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from service.db import engine as module
from service.db.bulk import bulk_copy
from service.db.engine import Database
from service.db.tables import Sample
from tests.support.factories import Store, make_dataset, person


def test_who_finds_no_free_connection_is_told_within_seconds(database_url, monkeypatch):
    monkeypatch.setattr(module, "POOL_SECONDS", 0.2)
    small = Database(database_url, pool=1)
    began = time.monotonic()
    with small.read() as first:
        first.execute(text("SELECT 1"))
        with pytest.raises(PoolTimeout), small.read() as second:
            second.execute(text("SELECT 1"))
    assert time.monotonic() - began < 5
    with small.read() as later:
        assert later.scalar(text("SELECT 1")) == 1
    small.dispose()


def test_who_waits_for_a_locked_row_is_told_within_seconds(postgres_url, storage):
    holder, waiter = Database(postgres_url), Database(postgres_url, lock_seconds=0.2)
    make_dataset(Store(holder, storage))
    change = text("UPDATE dataset SET name = 'held'")
    with holder.write() as session:
        session.execute(change)
        with pytest.raises(OperationalError, match="lock timeout"), waiter.write() as other:
            other.execute(change)
    with waiter.write() as session:
        session.execute(change)
    holder.dispose()
    waiter.dispose()


def test_a_snapshot_sees_one_moment(database, storage):
    make_dataset(Store(database, storage))
    count = text("SELECT count(*) FROM dataset")
    with database.snapshot() as session:
        assert session.scalar(count) == 1
        make_dataset(Store(database, storage))
        assert session.scalar(count) == 1
    with database.read() as session:
        assert session.scalar(count) == 2


def test_a_process_that_stops_amid_a_transaction_holds_its_locks_for_seconds(
    postgres_url, storage, monkeypatch
):
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.3)
    stopped, other = Database(postgres_url), Database(postgres_url, lock_seconds=30)
    make_dataset(Store(other, storage))
    change = text("UPDATE dataset SET name = 'held'")
    session = Session(stopped.engine)
    session.execute(change)
    began = time.monotonic()
    with other.write() as waiting:
        waiting.execute(change)
    assert time.monotonic() - began < 10
    with pytest.raises(DBAPIError, match="idle-in-transaction") as told:
        session.execute(change)
    assert told.value.connection_invalidated
    session.close()
    stopped.dispose()
    other.dispose()


ASKS = """
import sys
from sqlalchemy import text
from service.db import engine
engine.CLIENT_CHECK_SECONDS = 0.2
with engine.Database(sys.argv[1]).read() as session:
    session.execute(text("SELECT 'asked and gone', pg_sleep(600)"))
"""


def test_the_query_of_a_killed_process_ends(postgres_url):
    asks = subprocess.Popen([sys.executable, "-c", ASKS, postgres_url])
    database = Database(postgres_url)
    running = text(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' "
        "AND query LIKE '%asked and gone%' AND pid <> pg_backend_pid()"
    )

    def wait_for(wanted: int) -> None:
        for _ in range(600):
            with database.read() as session:
                if session.scalar(running) == wanted:
                    return
            time.sleep(0.05)
        raise AssertionError(f"{wanted} such queries were waited for in vain")

    wait_for(1)
    asks.kill()
    asks.wait()
    wait_for(0)
    database.dispose()


def test_after_postgres_was_away_one_request_fails_and_no_more(postgres_url):
    database, one = Database(postgres_url), text("SELECT 1")

    def ask_all() -> list[bool]:
        """Of each kind of connection, whether it answers."""
        answered = []
        for kind in (database.autocommit, lambda: database.read(person("Ann")), database.write):
            try:
                with kind() as asked:
                    asked.execute(one)
            except OperationalError:
                answered.append(False)
            else:
                answered.append(True)
        return answered

    assert ask_all() == [True, True, True]
    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert ask_all() == [False, True, True]
    assert ask_all() == [True, True, True]
    database.dispose()


def test_a_snapshot_may_take_its_time(postgres_url, storage, monkeypatch):
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.3)
    database = Database(postgres_url)
    make_dataset(Store(database, storage))
    with database.snapshot() as session:
        time.sleep(1.0)
        assert session.scalar(text("SELECT count(*) FROM dataset")) == 1
    database.dispose()


SAMPLES = cast(Table, Sample.__table__)
ODD = [
    "",
    " ",
    '"',
    '""',
    "a,b",
    "a\nb",
    "a\r\nb",
    "\\.",
    "\\N",
    "NULL",
    "'",
    "\t",
    "ünïcode 🦊",
    "x" * 9000,
]


def test_batches_arrive_as_they_are_whatever_stands_in_them(store):
    dataset_id = make_dataset(store, samples=6)
    batches = [
        pa.record_batch(
            {
                "position": pa.array(range(first, first + len(names)), pa.int64()),
                "sample_id": pa.array(names, pa.string()),
                "given_label": pa.array([None, *range(1, len(names))][: len(names)], pa.int32()),
                "dataset_id": pa.repeat(dataset_id, len(names)),
            }
        )
        for first, names in ((100, ODD[:8]), (200, []), (300, ODD[8:]))
    ]
    with store.database.write() as session:
        bulk_copy(session, SAMPLES, batches)
    with store.database.read() as session:
        rows = session.execute(
            select(Sample.position, Sample.sample_id, Sample.given_label)
            .where(Sample.position >= 100)
            .order_by(Sample.position)
        ).all()
    assert [row.sample_id for row in rows] == ODD
    assert [row.position for row in rows] == [*range(100, 108), *range(300, 306)]
    assert [row.given_label for row in rows] == [None, *range(1, 8), None, *range(1, 6)]


def test_no_batches_are_no_rows(database):
    with database.write() as session:
        bulk_copy(session, SAMPLES, [])
    with database.read() as session:
        assert session.scalars(select(Sample)).all() == []
