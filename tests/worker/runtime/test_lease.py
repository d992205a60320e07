"""The lease of a running job by itself: what is reported, and how a job learns that it lost it."""

import sys
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from labelaudit.enums import JobType
from service.core.config import Settings
from service.db.tables import Job
from service.jobs import records as jobs
from service.jobs.records import Claim, JobLost
from worker.runtime.context import Worker
from worker.runtime.lease import JobLease, Stopping


@pytest.fixture
def claim(database) -> Claim:
    with database.write() as session:
        jobs.enqueue(session, subject_id="subject", type=JobType.rank)
    with database.write() as session:
        taken = jobs.claim(session, queues={"cpu"}, owner="tester", lease_seconds=60)
    assert taken is not None
    return taken


@pytest.fixture
def reported() -> list[str]:
    return []


@pytest.fixture
def lease(claim, database, tmp_path, reported) -> Iterator[JobLease]:
    """One whose thread never renews by itself meanwhile."""
    settings = Settings(data_dir=tmp_path, job_lease_seconds=600)
    with JobLease(
        claim,
        settings=settings,
        database=database,
        stopping=threading.Event(),
        on_progress=lambda _session, subject: reported.append(subject),
    ) as held:
        yield held


@pytest.fixture
def later(monkeypatch):
    """Lets the lease believe that so many seconds have gone by."""
    passed = [0.0]
    clock = time.monotonic

    def pass_(seconds: float) -> None:
        passed[0] += seconds

    monkeypatch.setattr(time, "monotonic", lambda: clock() + passed[0])
    return pass_


def progress(database) -> float:
    with database.read() as session:
        found: float = session.get_one(Job, ("subject", JobType.rank, 0)).progress
        return found


def test_progress_is_stored_once_a_second_and_never_goes_back(lease, database, reported, later):
    lease.report(0.3)
    assert (progress(database), reported) == (0.0, [])  # too soon
    later(1.1)
    lease.report(0.2)
    assert (progress(database), reported) == (0.3, ["subject"])
    lease.report(0.5)
    assert (progress(database), lease.progress) == (0.3, 0.5)
    later(1.1)
    lease.report(1.7)
    assert (progress(database), reported) == (1.0, ["subject", "subject"])


def test_a_job_that_was_lost_or_must_stop_learns_it_from_its_next_report(lease, later):
    lease._stopping.set()
    with pytest.raises(Stopping):
        lease.report(0.1)
    lease._lost.set()
    with pytest.raises(JobLost):
        lease.report(0.1)


def test_who_lost_the_job_reports_nothing_more(lease, database, reported, later):
    with database.write() as session:
        jobs.cancel(session, "subject")
    later(1.1)
    with pytest.raises(JobLost):
        lease.report(0.4)
    assert reported == []


def test_the_device_is_the_settings_or_what_there_is(monkeypatch):
    def device(wanted: str, *, cuda: bool) -> str:
        torch = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: cuda))
        monkeypatch.setitem(sys.modules, "torch", torch)  # the real one takes seconds to import
        backends: Any = SimpleNamespace(settings=SimpleNamespace(device=wanted))
        return Worker(backends, {"cpu"}, {}).device

    assert device("cuda:1", cuda=False) == "cuda:1"
    assert device("auto", cuda=True) == "cuda"
    assert device("auto", cuda=False) == "cpu"
