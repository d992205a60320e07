"""Runs one job: claim it, keep its lease while it runs, finish or fail it.

A Celery task, woken by a message, and the embedded default, a loop that polls, run the same
function. Handlers compute outside any transaction and return what to commit. That, the job's end
and the job that follows it are one transaction, under the job's fence.
"""

import time

import structlog

from service.core.errors import ServiceError
from service.jobs import records as jobs
from service.jobs.records import Claim, JobLost
from worker.runtime import tracing
from worker.runtime.context import Deferred, Worker
from worker.runtime.lease import JobLease, Stopping
from worker.runtime.owner import is_dead

log = structlog.get_logger()

DEFERRED_SECONDS = 20.0


def run_one(worker: Worker) -> bool:
    """Claim and run one job. False when there was none."""
    claim = _claim(worker)
    if claim is None:
        return False
    logger = log.bind(job=claim.type, subject=claim.subject_id, number=claim.number)
    logger.info("job_started", attempt=claim.attempt)
    started = time.monotonic()
    try:
        with tracing.span(claim):
            _run(worker, claim)
    except JobLost:
        logger.info("job_lost")
        worker.handlers[claim.type].cleanup(worker, claim.subject_id, None)
    except Stopping:
        logger.info("job_released")
        _release(worker, claim)
    except Deferred as error:
        logger.warning("job_deferred", reason=str(error))
        _release(worker, claim, after_seconds=DEFERRED_SECONDS)
    except Exception as error:
        logger.warning("job_error", exc_info=not isinstance(error, ServiceError))
        _retry_or_fail(worker, claim, error)
    else:
        logger.info("job_done", seconds=round(time.monotonic() - started, 2))
    return True


def _claim(worker: Worker) -> Claim | None:
    with worker.database.write() as session:
        jobs.expire_leases(session, queues=worker.queues, is_dead=is_dead)
        failed = jobs.fail_exhausted(session, queues=worker.queues)
        for job in failed:
            worker.handlers[job.type].on_failure(session, job.subject_id, job.problem or {})
        claim = jobs.claim(
            session,
            queues=worker.queues,
            owner=worker.name,
            lease_seconds=worker.settings.job_lease_seconds,
        )
        if claim is not None:
            worker.handlers[claim.type].on_start(session, claim.subject_id)
    for job in failed:
        worker.handlers[job.type].cleanup(worker, job.subject_id, job.problem)
    return claim


def _run(worker: Worker, claim: Claim) -> None:
    handler = worker.handlers[claim.type]
    with JobLease(
        claim,
        settings=worker.settings,
        database=worker.database,
        stopping=worker.stopping,
        on_progress=handler.on_progress,
    ) as lease:
        commit = handler.run(worker, claim, lease)
        with worker.database.write() as session:
            jobs.finish(session, claim)
            commit(session)
            handler.on_progress(session, claim.subject_id)


def _release(worker: Worker, claim: Claim, *, after_seconds: float = 0.0) -> None:
    try:
        with worker.database.write() as session:
            jobs.release(session, claim, after_seconds=after_seconds)
    except JobLost:
        log.info("job_lost", subject=claim.subject_id)


def _retry_or_fail(worker: Worker, claim: Claim, error: Exception) -> None:
    handler = worker.handlers[claim.type]
    try:
        with worker.database.write() as session:
            problem = jobs.retry_or_fail(session, claim, error)
            if problem is not None:
                handler.on_failure(session, claim.subject_id, problem)
    except JobLost:
        log.info("job_lost", subject=claim.subject_id)
    else:
        if problem is not None:
            handler.cleanup(worker, claim.subject_id, problem)


def poll(worker: Worker, *, idle_seconds: float = 0.3) -> None:
    """Run jobs as they come until the worker must stop: the embedded default's worker."""
    while not worker.stopping.is_set():
        try:
            busy = run_one(worker)
        except Exception as error:  # the database may be down for a moment
            log.warning("poll_failed", error=str(error))
            busy = False
        if not busy:
            worker.stopping.wait(idle_seconds)
