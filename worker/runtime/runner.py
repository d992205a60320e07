"""Runs one job: claim it, keep its lease while it runs, finish or fail it.

The same function serves a Celery task (woken by a message) and the embedded default (a loop that
polls). Handlers compute outside any transaction and return what to save; saving, marking the job
done and starting what follows happen in one transaction, under the job's fence.
"""

import shutil
import time

import structlog
from sqlalchemy.orm import Session

from labelaudit.enums import FINISHED, JobType
from service.audits import records as audits
from service.core.errors import ServiceError
from service.datasets import records as datasets
from service.exports import records as exports
from service.jobs import records as jobs
from service.jobs.records import Claim, JobLost
from worker.runtime import tracing
from worker.runtime.context import Deferred, JobLease, Stopping, Worker
from worker.runtime.owner import is_gone

log = structlog.get_logger()

DEFERRED_SECONDS = 20.0


def run_one(worker: Worker) -> bool:
    """Claim and run one job. False when there was none."""
    from worker.handlers import HANDLERS

    claim = _claim(worker)
    if claim is None:
        return False
    logger = log.bind(job=claim.type, subject=claim.subject_id, number=claim.number)
    logger.info("job_started", attempt=claim.attempt)
    started = time.monotonic()
    try:
        with tracing.span(claim), JobLease(worker, claim) as lease:
            commit = HANDLERS[claim.type](worker, claim, lease)
            with worker.database.write() as session:
                jobs.finish(session, claim)
                commit(session)
                if claim.type in audits.SPAN:
                    audits.report_progress(session, claim.subject_id)
    except JobLost:
        logger.info("job_lost")
        _tidy(worker, claim.type, claim.subject_id)
    except Stopping:
        logger.info("job_released")
        _release(worker, claim)
    except Deferred as error:
        logger.warning("job_deferred", reason=str(error))
        _release(worker, claim, after_seconds=DEFERRED_SECONDS)
    except Exception as error:
        logger.warning("job_error", exc_info=not isinstance(error, ServiceError))
        _after_error(worker, claim, error)
    else:
        logger.info("job_done", seconds=round(time.monotonic() - started, 2))
    return True


def _claim(worker: Worker) -> Claim | None:
    with worker.database.write() as session:
        jobs.expire_leases(session, queues=worker.queues, gone=is_gone)
        dead = jobs.exhausted(session, queues=worker.queues)
        for job in dead:
            _fail_subject(session, job.type, job.subject_id, job.problem or {})
        claim = jobs.claim(
            session,
            queues=worker.queues,
            owner=worker.name,
            lease_seconds=worker.settings.job_lease_seconds,
        )
        if claim is not None and claim.type in audits.SPAN:
            audits.begin(session, claim.subject_id)
            audits.report_progress(session, claim.subject_id)
    for job in dead:
        _delete_rejected(worker, job.type, job.subject_id, job.problem)
        _tidy(worker, job.type, job.subject_id)
    return claim


def _release(worker: Worker, claim: Claim, *, after_seconds: float = 0.0) -> None:
    try:
        with worker.database.write() as session:
            jobs.release(session, claim, after_seconds=after_seconds)
    except JobLost:
        log.info("job_lost", subject=claim.subject_id)


def _after_error(worker: Worker, claim: Claim, error: Exception) -> None:
    try:
        with worker.database.write() as session:
            problem = jobs.retry_or_fail(session, claim, error)
            if problem is not None:
                _fail_subject(session, claim.type, claim.subject_id, problem)
    except JobLost:
        log.info("job_lost", subject=claim.subject_id)
    else:
        if problem is not None:
            _delete_rejected(worker, claim.type, claim.subject_id, problem)
            _tidy(worker, claim.type, claim.subject_id)


def _delete_rejected(
    worker: Worker, type: JobType, subject_id: str, problem: dict[str, object] | None
) -> None:
    if type is not JobType.ingest:
        return
    if datasets.is_mended_by_columns(problem):
        worker.storage.delete(datasets.samples_key(subject_id))
    else:
        worker.storage.delete(datasets.folder(subject_id))


def _tidy(worker: Worker, type: JobType, subject_id: str) -> None:
    """Remove the checkpoints of an audit that will never be trained to its end."""
    if type is not JobType.train:
        return
    with worker.database.read() as session:
        audit = audits.find_audit(session, subject_id)
        if audit is not None and audit.status not in FINISHED:
            return
    for working in worker.storage.path(audits.folder(subject_id)).glob("shards/.*"):
        shutil.rmtree(working, ignore_errors=True)


def _fail_subject(
    session: Session, type: JobType, subject_id: str, problem: dict[str, object]
) -> None:
    match type:
        case JobType.ingest:
            datasets.reject(session, subject_id, problem)
        case JobType.export:
            exports.fail_export(session, subject_id, problem)
        case JobType.classifier | JobType.predict:
            pass  # their own state tells; the ranking that they came after stands
        case _:
            audits.fail_audit(session, subject_id, problem)


def poll(worker: Worker, *, idle_seconds: float = 0.3) -> None:
    """Run jobs as they come until told to stop: the embedded default's worker."""
    while not worker.stopping.is_set():
        try:
            busy = run_one(worker)
        except Exception as error:  # the database may be away for a moment
            log.warning("poll_failed", error=str(error))
            busy = False
        if not busy:
            worker.stopping.wait(idle_seconds)
