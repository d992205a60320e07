"""Running one job: what is saved, what happens after errors, and how a lease is kept or lost."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import structlog
from sqlalchemy import update

from labelaudit.enums import (
    JobStatus,
    JobType,
)
from service.audits import records as audits
from service.core.config import Settings
from service.core.errors import BadDataset
from service.datasets import records as datasets
from service.db.engine import Database, clock
from service.db.tables import Audit, Job
from service.exports import records as exports
from service.jobs import records as jobs
from service.storage.local import Received, Storage
from tests.support.factories import (
    Store,
    make_dataset,
    person,
    start_audit,
)
from worker.handlers.registry import HANDLERS
from worker.runtime import lease as leases
from worker.runtime import runner
from worker.runtime.context import Worker
from worker.runtime.lease import JobLease
from worker.runtime.runner import poll, run_one


@pytest.fixture
def audit_id(store):
    return start_audit(store, make_dataset(store))


@pytest.fixture
def handle(worker):
    """Replaces what every type of job runs."""

    def install(run: Callable[..., Any]) -> None:
        worker.handlers = {type: replace(handler, run=run) for type, handler in HANDLERS.items()}

    return install


def job(database, subject, type=JobType.encoding, number=0) -> Job:
    with database.read() as session:
        return session.get_one(Job, (subject, type, number))


def audit(database, audit_id) -> Audit:
    with database.read() as session:
        return audits.get_audit(session, audit_id)


def save_plan(audit_id: str):
    """A handler that ends the encoding with two shards."""
    return lambda *_: lambda session: audits.encoded(session, audit_id, plan={"a": 1}, shards=2)


def save_nothing(_session: object) -> None:
    """What a handler returns that made nothing."""


def fail(*_: object) -> None:
    raise ZeroDivisionError("no such thing")


def test_without_work_there_is_nothing_to_run(worker):
    assert run_one(worker) is False


def test_a_job_is_run_and_what_it_made_is_saved_with_its_end(worker, database, handle, audit_id):
    handle(save_plan(audit_id))
    assert run_one(worker) is True
    assert job(database, audit_id).status is JobStatus.completed
    found = audit(database, audit_id)
    assert (found.status, found.plan, found.remaining) == (JobStatus.running, {"a": 1}, 2)
    assert found.started_at is not None
    assert job(database, audit_id, JobType.train, 1).status is JobStatus.queued


def test_the_handler_is_told_which_job_it_runs(worker, handle, audit_id):
    seen = []

    def work(given: Worker, claim: jobs.Claim, lease: JobLease):
        seen.append((given, claim.subject_id, claim.type, claim.number, claim.attempt))
        return save_nothing

    handle(work)
    run_one(worker)
    assert seen == [(worker, audit_id, JobType.encoding, 0, 1)]


def test_progress_is_told_in_the_transaction_that_ends_the_job(worker, database, audit_id):
    told = []

    def on_progress(session, subject):
        status = session.get_one(Job, (subject, JobType.encoding, 0)).status
        told.append((subject, status))

    worker.handlers = {
        type: replace(handler, run=save_plan(audit_id), on_progress=on_progress)
        for type, handler in HANDLERS.items()
    }
    run_one(worker)
    assert told == [(audit_id, JobStatus.completed)]


def test_what_is_logged_names_the_job(worker, handle, audit_id):
    handle(save_plan(audit_id))
    with structlog.testing.capture_logs() as events:
        run_one(worker)
    named = {"job": JobType.encoding, "subject": audit_id, "number": 0}
    assert [event["event"] for event in events if event.items() >= named.items()] == [
        "job_started",
        "job_done",
    ]


def test_a_save_that_fails_leaves_the_job_undone_and_nothing_written(
    worker, database, handle, audit_id
):
    def save(session):
        audits.encoded(session, audit_id, plan={"a": 1}, shards=2)
        session.flush()
        raise ZeroDivisionError

    handle(lambda *_: save)
    assert run_one(worker) is True
    found = job(database, audit_id)
    assert (found.status, found.attempt) == (JobStatus.queued, 1)
    assert audit(database, audit_id).plan is None


def test_an_error_is_tried_again_and_then_fails_the_audit_with_its_problem(
    worker, database, handle, audit_id, monkeypatch
):
    monkeypatch.setattr(jobs, "RETRY_AFTER_SECONDS", 0.0)
    handle(fail)
    for _ in range(jobs.MAX_ATTEMPTS):
        assert audit(database, audit_id).status is not JobStatus.failed
        assert run_one(worker) is True
    found = audit(database, audit_id)
    assert found.status is JobStatus.failed
    assert "ZeroDivisionError" in found.problem["detail"]
    assert found.finished_at is not None
    assert run_one(worker) is False
    with database.read() as session:
        last = audits.events_after(session, audit_id, 0)[-1]
    assert last.data["status"] == "failed"


def test_an_error_of_one_shard_cancels_the_others(worker, database, handle, audit_id, monkeypatch):
    monkeypatch.setattr(jobs, "MAX_ATTEMPTS", 1)
    handle(save_plan(audit_id))
    run_one(worker)
    handle(fail)
    run_one(worker)
    states = {job(database, audit_id, JobType.train, number).status for number in (0, 1)}
    assert states == {JobStatus.failed, JobStatus.cancelled}
    assert audit(database, audit_id).status is JobStatus.failed
    assert run_one(worker) is False


def test_a_fault_in_the_data_fails_at_once(worker, database, handle, audit_id):
    def refuse(*_: object) -> None:
        raise BadDataset("Only one class.", type="too-few-classes")

    handle(refuse)
    run_one(worker)
    assert audit(database, audit_id).problem["type"] == "/problems/too-few-classes"
    assert job(database, audit_id).attempt == 1


def test_a_failed_ingest_rejects_the_dataset_and_deletes_the_upload(
    worker, database, storage, handle
):
    with storage.writing(datasets.upload_key("ds_1")) as path:
        path.write_text("nonsense")
    with database.write() as session:
        datasets.create_dataset(
            session,
            dataset_id="ds_1",
            name="x",
            filename="x",
            received=Received(8, "0" * 64),
            columns=None,
            principal=person(),
        )

    def refuse(*_: object) -> None:
        raise BadDataset("Row 3 is broken.", errors=[{"row": 3, "detail": "broken"}])

    handle(refuse)
    run_one(worker)
    with database.read() as session:
        found = datasets.get_dataset(session, "ds_1")
    assert found.status is JobStatus.failed
    assert found.problem["errors"] == [{"row": 3, "detail": "broken"}]
    assert not storage.exists(datasets.folder("ds_1"))


def test_a_failed_export_says_so(worker, store, database, handle, monkeypatch):
    monkeypatch.setattr(jobs, "MAX_ATTEMPTS", 1)
    dataset_id = make_dataset(store)
    with database.write() as session:
        export_id = exports.start_export(
            session, dataset_id, format="csv", dataset_version=None, principal=person()
        ).id
    handle(fail)
    run_one(worker)
    with database.read() as session:
        found = exports.get_export(session, export_id)
    assert found.status is JobStatus.failed
    assert found.problem["status"] == 500


def test_a_job_whose_workers_died_each_time_fails_its_audit(worker, database, handle, audit_id):
    handle(save_plan(audit_id))
    for _ in range(jobs.MAX_ATTEMPTS):
        with database.write() as session:
            jobs.claim(session, queues={"gpu"}, owner="dead", lease_seconds=-1)
    assert run_one(worker) is False
    found = audit(database, audit_id)
    assert found.status is JobStatus.failed
    assert found.problem["type"] == "/problems/worker-lost"


# -------------------------------------------------------------------------------------------- lease


def test_a_long_job_keeps_its_lease_by_itself(worker, database, handle, audit_id):
    worker.settings.job_lease_seconds = 0.3
    others = []

    def work(*_: object):
        for _ in range(4):  # type: ignore[assignment]
            time.sleep(0.25)
            with database.write() as session:
                others.append(jobs.claim(session, queues={"gpu"}, owner="other", lease_seconds=60))
        return save_nothing

    handle(work)
    run_one(worker)
    assert others == [None] * 4
    assert job(database, audit_id).status is JobStatus.completed


def take_over(database, audit_id):
    """Another worker claims the job, as if the lease had run out."""
    with database.write() as session:
        session.execute(
            update(Job).where(Job.subject_id == audit_id).values(lease_until=clock() - 1)
        )
        return jobs.claim(session, queues={"gpu"}, owner="other", lease_seconds=60)


def test_a_job_taken_over_during_its_work_stops_and_saves_nothing(
    worker, database, handle, audit_id
):
    worker.settings.job_lease_seconds = 0.3
    stopped = []

    def work(_worker: Worker, _claim: jobs.Claim, lease: JobLease):
        taken = take_over(database, audit_id)
        assert taken is not None
        try:
            for _ in range(200):
                time.sleep(0.02)
                lease.report(0.5)
        except jobs.JobLost:
            stopped.append(True)
            raise
        return save_plan(audit_id)()

    handle(work)
    assert run_one(worker) is True
    assert stopped == [True]
    found = job(database, audit_id)
    assert (found.status, found.owner) == (JobStatus.running, "other")
    assert audit(database, audit_id).plan is None


def test_a_job_taken_over_just_before_its_end_saves_nothing(worker, database, handle, audit_id):
    def work(*_: object):
        take_over(database, audit_id)
        return save_plan(audit_id)()

    handle(work)
    run_one(worker)
    assert job(database, audit_id).owner == "other"
    assert audit(database, audit_id).plan is None


def test_an_error_in_a_job_taken_over_changes_nothing(worker, database, handle, audit_id):
    def work(*_: object):
        take_over(database, audit_id)
        raise ZeroDivisionError

    handle(work)
    run_one(worker)
    assert job(database, audit_id).status is JobStatus.running
    assert audit(database, audit_id).status is JobStatus.running


def test_a_cancelled_audit_stops_its_job_and_stays_cancelled(worker, database, handle, audit_id):
    worker.settings.job_lease_seconds = 0.3
    reached_the_end = []

    def work(_worker: Worker, _claim: jobs.Claim, lease: JobLease):
        with database.write() as session:
            audits.cancel_audit(session, audit_id)
        for _ in range(200):
            time.sleep(0.02)
            lease.report(0.5)
        reached_the_end.append(True)
        return save_plan(audit_id)()

    handle(work)
    run_one(worker)
    assert reached_the_end == []
    assert audit(database, audit_id).status is JobStatus.cancelled
    assert run_one(worker) is False


def test_a_job_that_will_not_stop_is_ended_with_its_process(
    worker, database, handle, audit_id, monkeypatch
):
    worker.settings.job_lease_seconds = 0.1
    monkeypatch.setattr(leases, "GRACE_SECONDS", 0.1)
    ended = threading.Event()
    monkeypatch.setattr(leases.os, "_exit", lambda _status: ended.set())  # type: ignore[attr-defined]

    def work(*_: object):
        take_over(database, audit_id)
        assert ended.wait(5.0)
        return save_nothing

    handle(work)
    run_one(worker)
    assert ended.is_set()


def test_a_worker_told_to_stop_gives_its_job_back_at_once(worker, database, handle, audit_id):
    def work(_worker: Worker, _claim: jobs.Claim, lease: JobLease):
        worker.stopping.set()
        lease.report(0.5)
        return save_plan(audit_id)()

    handle(work)
    run_one(worker)
    found = job(database, audit_id)
    assert (found.status, found.attempt, found.lease_until) == (JobStatus.queued, 0, None)
    worker.stopping.clear()
    handle(save_plan(audit_id))
    run_one(worker)
    assert job(database, audit_id).status is JobStatus.completed


def test_a_job_lost_while_its_worker_stops_is_left_alone(worker, database, handle, audit_id):
    def work(_worker: Worker, _claim: jobs.Claim, lease: JobLease):
        take_over(database, audit_id)
        worker.stopping.set()
        lease.report(0.5)

    handle(work)
    run_one(worker)
    assert job(database, audit_id).owner == "other"


def test_progress_is_told_to_the_stream_and_never_falls(
    worker, database, handle, audit_id, monkeypatch
):
    monkeypatch.setattr(leases, "PROGRESS_SECONDS", 0.0)

    def work(_worker: Worker, _claim: jobs.Claim, lease: JobLease):
        for share in (0.2, 0.6, 0.4, 1.7):
            lease.report(share)
        return save_plan(audit_id)()

    handle(work)
    run_one(worker)
    with database.read() as session:
        told = [event.data["progress"] for event in audits.events_after(session, audit_id, 0)]
    assert told == sorted(told)
    assert max(told) <= 0.35  # the end of the encoding's span, where training begins
    assert len(told) >= 6


def test_a_database_away_for_a_heartbeat_does_not_end_the_job(
    worker, database, handle, audit_id, monkeypatch
):
    worker.settings.job_lease_seconds = 0.3
    renew, calls = jobs.renew, []

    def flaky(*args: Any, **options: Any) -> None:
        calls.append(True)
        if len(calls) == 1:
            raise ConnectionError("the database is away")
        renew(*args, **options)

    monkeypatch.setattr(jobs, "renew", flaky)

    def work(*_: object):
        deadline = time.monotonic() + 5
        while len(calls) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        return save_plan(audit_id)()

    handle(work)
    run_one(worker)
    assert len(calls) >= 3
    assert job(database, audit_id).status is JobStatus.completed


# --------------------------------------------------------------------------------------- the poller


def test_the_poller_runs_what_comes_until_it_is_told_to_stop(worker, store, database, handle):
    handle(lambda *_: save_nothing)
    thread = threading.Thread(target=poll, args=(worker,), kwargs={"idle_seconds": 0.01})
    thread.start()
    dataset_id = make_dataset(store)
    subjects = [start_audit(store, dataset_id) for _ in range(3)]
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if all(job(database, subject).status is JobStatus.completed for subject in subjects):
            break
        time.sleep(0.02)
    worker.stopping.set()
    thread.join(5)
    assert not thread.is_alive()
    assert {job(database, subject).status for subject in subjects} == {JobStatus.completed}


def test_the_poller_survives_a_database_that_is_away(worker, monkeypatch):
    calls = []

    def away(_worker: Worker) -> bool:
        calls.append(True)
        if len(calls) == 3:
            worker.stopping.set()
        raise ConnectionError

    monkeypatch.setattr(runner, "run_one", away)
    poll(worker, idle_seconds=0.01)
    assert len(calls) == 3


def test_workers_that_look_at_once_run_each_job_once(worker, store, database, handle):
    ran: list[str] = []

    def work(_worker: Worker, claim: jobs.Claim, _lease: JobLease):
        ran.append(claim.subject_id)
        return save_nothing

    handle(work)
    dataset_id = make_dataset(store)
    subjects = [start_audit(store, dataset_id) for _ in range(12)]

    def look() -> None:
        while run_one(worker):
            pass

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(ran) == sorted(subjects)


HANGS = """
import sys
from dataclasses import replace
from pathlib import Path
from service.core.config import Settings
from worker.handlers.registry import HANDLERS
from worker.runtime import runner

def hang(*_):
    import ctypes
    ctypes.PyDLL(None).sleep(60)  # never lets go of Python's lock

settings = Settings(data_dir=Path(sys.argv[1]), job_stall_seconds=0.5, job_lease_seconds=30)
handlers = {type: replace(handler, run=hang) for type, handler in HANDLERS.items()}
runner.run_one(runner.Worker.open(settings, {"gpu"}, handlers))
"""


def test_a_worker_that_hangs_ends_with_a_traceback_and_its_job_is_free(tmp_path, sqlite_url):
    database = Database(sqlite_url)
    store = Store(database, Storage(tmp_path / "storage"))
    hung = start_audit(store, make_dataset(store))
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", HANGS, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert time.monotonic() - began < 40
    assert done.returncode == 1
    assert "in hang" in done.stderr
    settings = Settings(data_dir=tmp_path)
    following = Worker.open(settings, {"gpu"}, HANDLERS)
    claim = runner._claim(following)
    assert claim is not None
    assert (claim.subject_id, claim.attempt) == (hung, 2)
    following.database.dispose()
    database.dispose()
