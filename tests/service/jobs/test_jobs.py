"""The jobs table: claims, leases, fences, retries, fan-in and notifications."""

import errno
import time
from typing import Any

import pytest
from sqlalchemy import func, select, update

from labelaudit.enums import JobStatus, JobType
from service.audits import records as audits
from service.core.errors import BadDataset
from service.db.engine import Database, clock
from service.db.tables import Audit, Job
from service.jobs import records as jobs
from service.jobs.records import Claim, JobLost
from tests.support.factories import in_threads, make_dataset, start_audit

LONG, EXPIRED = 60.0, -1.0


# What another transaction changed is not seen by who has read the row already.
UNSEEN = {"synchronize_session": False}
OF_QUEUE = {"cpu": JobType.rank, "gpu": JobType.train}


def enqueue(database: Database, *subjects: str, queue: str = "cpu", count: int = 1) -> None:
    for subject in subjects:
        with database.write() as session:
            jobs.enqueue(session, subject_id=subject, type=OF_QUEUE[queue], numbers=range(count))


def claim(
    database: Database,
    *,
    queues: tuple[str, ...] = ("cpu",),
    lease_seconds: float = LONG,
    owner: str = "tester",
) -> Claim | None:
    with database.write() as session:
        return jobs.claim(session, queues=set(queues), owner=owner, lease_seconds=lease_seconds)


def claimed(database: Database, **options: Any) -> Claim:
    taken = claim(database, **options)
    assert taken is not None
    return taken


def job(database: Database, subject: str, number: int = 0) -> Job:
    with database.read() as session:
        return session.get_one(Job, (subject, JobType.rank, number))


def test_jobs_are_claimed_in_the_order_they_were_asked_for(database):
    enqueue(database, "first", "second", "third")
    assert [claimed(database).subject_id for _ in range(3)] == ["first", "second", "third"]


def test_shards_asked_for_together_are_claimed_by_number(database):
    enqueue(database, "audit", count=4)
    assert [claimed(database).number for _ in range(4)] == [0, 1, 2, 3]


def test_a_job_is_claimed_by_one_worker_only(database):
    enqueue(database, *(f"subject-{number}" for number in range(20)))
    taken = in_threads(8, lambda _: [claim(database) for _ in range(4)])
    subjects = [found.subject_id for some in taken for found in some if found]
    assert sorted(subjects) == sorted(f"subject-{number}" for number in range(20))


def test_a_worker_claims_only_from_its_queues(database):
    enqueue(database, "on-gpu", queue="gpu")
    assert claim(database, queues=("cpu",)) is None
    assert claimed(database, queues=("cpu", "gpu")).subject_id == "on-gpu"


def test_a_job_under_lease_is_not_claimed_again(database):
    enqueue(database, "subject")
    claimed(database)
    assert claim(database) is None


def test_the_lease_of_a_dead_worker_ends_at_once_and_no_other(database):
    enqueue(database, "of the dead", "of the living")
    claimed(database, owner="dead")
    living = claimed(database, owner="living")
    with database.write() as session:
        jobs.expire_leases(session, queues={"cpu"}, is_dead=lambda owner: owner == "dead")
    again = claimed(database)
    assert (again.subject_id, again.fence) == ("of the dead", 2)
    assert claim(database) is None
    with database.write() as session:
        jobs.finish(session, living)


def test_a_job_that_was_taken_over_meanwhile_keeps_its_lease(database):
    """Whoever looks for dead workers has read the row before somebody else claimed it."""
    enqueue(database, "subject")
    claimed(database, owner="dead")

    def taken_over(owner: str) -> bool:
        changes = {"fence": Job.fence + 1, "owner": "living"}
        session.execute(update(Job).values(changes), execution_options=UNSEEN)
        return owner == "dead"

    with database.write() as session:
        jobs.expire_leases(session, queues={"cpu"}, is_dead=taken_over)
    assert claim(database) is None


def test_a_job_that_was_given_back_meanwhile_is_left_alone(database):
    enqueue(database, "subject")
    claimed(database, owner="dead")

    def given_back(owner: str) -> bool:
        changes = {"status": JobStatus.queued, "lease_until": None}
        session.execute(update(Job).values(changes), execution_options=UNSEEN)
        return True

    with database.write() as session:
        jobs.expire_leases(session, queues={"cpu"}, is_dead=given_back)
    assert job(database, "subject").lease_until is None


def test_only_the_queues_asked_for_lose_their_dead_workers_leases(database):
    enqueue(database, "on-gpu", queue="gpu")
    claimed(database, queues=("gpu",), owner="dead")
    with database.write() as session:
        jobs.expire_leases(session, queues={"cpu"}, is_dead=lambda _: True)
    assert claim(database, queues=("gpu",)) is None


def test_an_expired_lease_makes_the_job_claimable_with_a_higher_fence(database):
    enqueue(database, "subject")
    first = claimed(database, lease_seconds=EXPIRED)
    second = claimed(database)
    assert second.fence == first.fence + 1
    assert second.attempt == 2


def test_a_claim_extends_no_lease_but_its_own(database):
    enqueue(database, "first", "second")
    held = claimed(database)
    claimed(database, lease_seconds=EXPIRED)
    again = claimed(database)
    assert (held.subject_id, again.subject_id, again.attempt) == ("first", "second", 2)


def test_a_job_that_failed_says_when(database):
    enqueue(database, "subject")
    with database.write() as session:
        jobs.retry_or_fail(session, claimed_in(session), BadDataset("no"))
    assert job(database, "subject").finished_at is not None


def claimed_in(session) -> Claim:
    taken = jobs.claim(session, queues={"cpu"}, owner="tester", lease_seconds=LONG)
    assert taken is not None
    return taken


def test_renewing_keeps_the_lease_and_tells_the_progress(database):
    enqueue(database, "subject")
    held = claimed(database, lease_seconds=EXPIRED)
    with database.write() as session:
        jobs.renew(session, held, lease_seconds=LONG, progress=0.5)
    assert claim(database) is None
    assert job(database, "subject").progress == 0.5


def test_a_fenced_worker_can_neither_renew_nor_finish_nor_fail_nor_release(database):
    enqueue(database, "subject")
    stale = claimed(database, lease_seconds=EXPIRED)
    current = claimed(database)
    attempts = (
        lambda session: jobs.renew(session, stale, lease_seconds=LONG, progress=0.9),
        lambda session: jobs.finish(session, stale),
        lambda session: jobs.release(session, stale),
        lambda session: jobs.retry_or_fail(session, stale, RuntimeError("late")),
        lambda session: jobs.retry_or_fail(session, stale, BadDataset("late")),
    )
    for attempt in attempts:
        with pytest.raises(JobLost), database.write() as session:
            attempt(session)
    found = job(database, "subject")
    assert (found.status, found.fence, found.progress) == (JobStatus.running, current.fence, 0.0)


def test_what_a_fenced_worker_wrote_beside_its_finish_is_rolled_back(database):
    enqueue(database, "subject")
    stale = claimed(database, lease_seconds=EXPIRED)
    claimed(database)

    def save_and_finish() -> None:
        with database.write() as session:
            jobs.enqueue(session, subject_id="what-it-made", type=JobType.rank)
            jobs.finish(session, stale)

    with pytest.raises(JobLost):
        save_and_finish()
    assert claim(database) is None


def test_a_finished_job_is_done_and_never_claimed_again(database):
    enqueue(database, "subject")
    held = claimed(database, lease_seconds=EXPIRED)
    with database.write() as session:
        jobs.finish(session, held)
    found = job(database, "subject")
    assert (found.status, found.progress, found.lease_until) == (JobStatus.completed, 1.0, None)
    assert found.finished_at is not None
    assert claim(database) is None


def test_a_job_given_back_is_ready_at_once_and_loses_no_attempt(database):
    enqueue(database, "subject")
    with database.write() as session:
        held = jobs.claim(session, queues={"cpu"}, owner="tester", lease_seconds=LONG)
        assert held
        jobs.release(session, held)
    again = claimed(database)
    assert again.attempt == 1
    assert again.fence == held.fence + 1


def test_an_error_makes_the_job_ready_again_after_a_delay(database, monkeypatch):
    monkeypatch.setattr(jobs, "RETRY_AFTER_SECONDS", 0.3)
    enqueue(database, "subject")
    with database.write() as session:
        held = jobs.claim(session, queues={"cpu"}, owner="tester", lease_seconds=LONG)
        assert held
        assert jobs.retry_or_fail(session, held, RuntimeError("a hiccup")) is None
    assert claim(database) is None
    time.sleep(0.35)
    assert claimed(database).attempt == 2


def test_a_full_disk_is_waited_for_ever_longer_and_in_the_end_named(database, monkeypatch):
    monkeypatch.setattr(jobs, "FULL_DISK_SECONDS", 0.0)
    enqueue(database, "subject")
    full = RuntimeError("the library's own words")
    full.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    for _ in range(jobs.MAX_ATTEMPTS):
        held = claimed(database)
        with database.write() as session:
            problem = jobs.retry_or_fail(session, held, full)
    assert problem is not None
    assert (problem["status"], problem["type"]) == (507, "/problems/insufficient-storage")
    monkeypatch.setattr(jobs, "FULL_DISK_SECONDS", 100.0)
    enqueue(database, "another")
    held = claimed(database)
    with database.write() as session:
        assert jobs.retry_or_fail(session, held, full) is None
    assert claim(database) is None


def test_an_error_the_caller_made_fails_the_job_at_once_with_its_problem(database):
    enqueue(database, "subject")
    held = claimed(database)
    error = BadDataset("Row 3 has no label.", errors=[{"row": 3, "detail": "no label"}])
    with database.write() as session:
        problem = jobs.retry_or_fail(session, held, error)
    found = job(database, "subject")
    assert found.status is JobStatus.failed
    assert found.problem == problem == error.problem()


def test_the_last_attempts_error_fails_the_job_in_a_sentence_without_its_insides(
    database, monkeypatch
):
    monkeypatch.setattr(jobs, "RETRY_AFTER_SECONDS", 0.0)
    enqueue(database, "subject")
    problems = []
    for _ in range(jobs.MAX_ATTEMPTS):
        held = claimed(database)
        with database.write() as session:
            problems.append(jobs.retry_or_fail(session, held, ValueError("broken for good")))
    assert problems[:-1] == [None] * (jobs.MAX_ATTEMPTS - 1)
    assert "unexpected ValueError" in problems[-1]["detail"]
    assert "broken for good" not in problems[-1]["detail"]
    assert job(database, "subject").status is JobStatus.failed
    assert claim(database) is None


def test_a_job_whose_every_worker_died_fails_with_a_problem_that_says_so(database):
    enqueue(database, "subject")
    for _ in range(jobs.MAX_ATTEMPTS):
        last = claimed(database, lease_seconds=EXPIRED)
    assert claim(database) is None
    with database.write() as session:
        dead = jobs.fail_exhausted(session, queues={"cpu"})
        assert [found.subject_id for found in dead] == ["subject"]
    found = job(database, "subject")
    assert found.status is JobStatus.failed
    assert found.problem["type"] == "/problems/worker-lost"
    assert found.fence == last.fence + 1  # whoever held it last cannot come back
    assert found.finished_at is not None
    with pytest.raises(JobLost), database.write() as session:
        jobs.finish(session, last)


def test_a_last_attempt_under_way_is_not_called_exhausted(database):
    enqueue(database, "subject")
    for _ in range(jobs.MAX_ATTEMPTS - 1):
        claimed(database, lease_seconds=EXPIRED)
    last = claimed(database)
    with database.write() as session:
        assert jobs.fail_exhausted(session, queues={"cpu"}) == []
        jobs.finish(session, last)
    assert job(database, "subject").status is JobStatus.completed


def test_cancelling_closes_ready_and_running_jobs_and_leaves_finished_ones(database):
    enqueue(database, "subject", count=3)
    done = claimed(database)
    with database.write() as session:
        jobs.finish(session, done)
    running = claimed(database)
    with database.write() as session:
        jobs.cancel(session, "subject")
    states = [job(database, "subject", number).status for number in range(3)]
    assert states == [JobStatus.completed, JobStatus.cancelled, JobStatus.cancelled]
    assert claim(database) is None
    with pytest.raises(JobLost), database.write() as session:
        jobs.renew(session, running, lease_seconds=LONG, progress=0.1)


def test_deleting_a_subjects_jobs_stops_its_worker_and_touches_no_others(database):
    enqueue(database, "gone", "stays")
    enqueue(database, "gone", queue="gpu", count=2)
    held = claimed(database)
    with database.write() as session:
        jobs.delete_jobs(session, "gone")
    with database.read() as session:
        assert session.scalars(select(Job.subject_id)).all() == ["stays"]
    with pytest.raises(JobLost), database.write() as session:
        jobs.renew(session, held, lease_seconds=LONG, progress=0.5)


def test_waiting_queues_names_those_with_work_that_nobody_holds(database):
    enqueue(database, "held", queue="cpu")
    enqueue(database, "free", queue="gpu")
    claimed(database)
    with database.read() as session:
        assert jobs.waiting_queues(session) == {"gpu"}


def test_progress_is_that_of_the_newest_type_of_job(database):
    with database.write() as session:
        jobs.enqueue(session, subject_id="audit", type=JobType.encoding)
    encoding = claimed(database, queues=("gpu",))
    with database.write() as session:
        jobs.finish(session, encoding)
    with database.write() as session:
        jobs.enqueue(session, subject_id="audit", type=JobType.train, numbers=range(2))
    held = claimed(database, queues=("gpu",))
    with database.write() as session:
        jobs.renew(session, held, lease_seconds=LONG, progress=0.5)
    with database.read() as session:
        type, share, started = jobs.progress_of(session, "audit")
    assert (type, share) == (JobType.train, 0.25)
    assert started is not None


def test_a_claim_starts_its_progress_anew(database):
    enqueue(database, "subject")
    held = claimed(database, lease_seconds=EXPIRED)
    with database.write() as session:
        jobs.renew(session, held, lease_seconds=EXPIRED, progress=0.7)
    claimed(database)
    assert job(database, "subject").progress == 0.0


# ------------------------------------------------------------------------------------------- fan-in


def test_the_last_of_eight_shards_that_finish_at_once_starts_exactly_one_ranking(store):
    dataset_id = make_dataset(store, samples=6)
    for _ in range(15):
        audit_id = start_audit(store, dataset_id)
        with store.database.write() as session:
            jobs.cancel(session, audit_id)
            audits.encoded(session, audit_id, plan={}, shards=8)
        held = [claimed(store.database, queues=("gpu",)) for _ in range(8)]

        def finish(number: int, audit_id: str = audit_id, held: list[Claim] = held) -> None:
            with store.database.write() as session:
                jobs.finish(session, held[number])
                audits.shard_trained(session, audit_id)

        in_threads(8, finish)
        with store.database.read() as session:
            rankings = session.scalar(
                select(func.count()).where(Job.subject_id == audit_id, Job.type == JobType.rank)
            )
            assert rankings == 1
            assert session.get_one(Audit, audit_id).remaining == 0


def test_no_ranking_starts_while_a_shard_is_missing(store):
    audit_id = start_audit(store, make_dataset(store, samples=6))
    with store.database.write() as session:
        jobs.cancel(session, audit_id)
        audits.encoded(session, audit_id, plan={}, shards=3)
    for _ in range(2):
        held = claimed(store.database, queues=("gpu",))
        with store.database.write() as session:
            jobs.finish(session, held)
            audits.shard_trained(session, audit_id)
    assert claim(store.database, queues=("cpu",)) is None


def test_two_shards_that_fail_at_once_fail_the_audit_once(store):
    audit_id = start_audit(store, make_dataset(store, samples=6))
    with store.database.write() as session:
        jobs.cancel(session, audit_id)
        audits.encoded(session, audit_id, plan={}, shards=4)
    held = [claimed(store.database, queues=("gpu",)) for _ in range(4)]

    def fail(number: int) -> str:
        try:
            with store.database.write() as session:
                problem = jobs.retry_or_fail(session, held[number], BadDataset(f"no {number}"))
                assert problem
                audits.fail_audit(session, audit_id, problem)
        except JobLost:
            return "lost"
        return "failed"

    assert "failed" in in_threads(4, fail)
    with store.database.read() as session:
        audit = session.get_one(Audit, audit_id)
        assert audit.status is JobStatus.failed
        events = [event.data["status"] for event in audits.events_after(session, audit_id, 0)]
    assert events.count("failed") == 1
    assert claim(store.database, queues=("gpu",)) is None


# ------------------------------------------------------------------------------------ notifications


def test_workers_are_notified_after_the_commit_of_every_queue_that_got_work(database, notified):
    with database.write() as session:
        jobs.enqueue(session, subject_id="one", type=JobType.train)
        jobs.enqueue(session, subject_id="two", type=JobType.rank)
        assert notified == []
    assert notified == [{"cpu", "gpu"}]


def test_what_workers_are_notified_of_is_visible_by_then(database_url):
    seen: list[Claim | None] = []
    reader = Database(database_url)
    writer = Database(database_url, notify=lambda _: seen.append(claim(reader)))
    with writer.write() as session:
        jobs.enqueue(session, subject_id="subject", type=JobType.rank)
    writer.dispose()
    reader.dispose()
    assert [found.subject_id for found in seen if found] == ["subject"]


def test_nobody_is_notified_after_a_rollback_or_without_work(database, notified):
    def think_twice() -> None:
        with database.write() as session:
            jobs.enqueue(session, subject_id="subject", type=JobType.rank)
            raise RuntimeError("on second thought")

    with pytest.raises(RuntimeError):
        think_twice()
    with database.write() as session:
        session.scalar(select(clock()))
    assert notified == []
    assert claim(database) is None


# -------------------------------------------------------------------------------------------- clock


def test_the_databases_clock_has_fractions_and_is_now(database):
    with database.read() as session:
        told = [session.scalar(select(clock())) for _ in range(2)]
    assert all(isinstance(moment, float) for moment in told)
    assert abs(told[0] - time.time()) < 60
    assert told[0] % 1 != 0 or told[1] % 1 != 0


def test_the_clock_advances_within_one_transaction(database):
    with database.read() as session:
        before = session.scalar(select(clock()))
        time.sleep(0.02)
        assert session.scalar(select(clock())) > before


def test_a_workers_own_clock_decides_nothing(database, monkeypatch):
    enqueue(database, "subject")
    claimed(database, lease_seconds=5.0)
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert claim(database) is None
    with database.write() as session:
        session.execute(update(Job).values(lease_until=clock() - 0.001))
    assert claimed(database).attempt == 2
