"""Runs one step: claim it, keep its lease while it runs, finish or fail it.

The same function serves a Celery task (rung by a message) and the embedded default (a loop that
polls). Handlers compute outside any transaction and return what to save; saving, marking the step
done and starting what follows happen in one transaction, under the step's fence.
"""

import shutil
import time

import structlog
from sqlalchemy.orm import Session

from labelaudit.enums import FINISHED, StepKind
from service.audits import records as audits
from service.core.errors import ServiceError
from service.datasets import records as datasets
from service.exports import records as exports
from service.jobs import records as jobs
from service.jobs.records import Claim, StepLost
from worker.runtime import tracing
from worker.runtime.context import Hold, Postponed, Stopping, Worker
from worker.runtime.owner import is_gone

log = structlog.get_logger()

POSTPONED_SECONDS = 20.0


def run_one(worker: Worker) -> bool:
    """Claim and run one step. False when there was none."""
    from worker.handlers import HANDLERS

    claim = _claim(worker)
    if claim is None:
        return False
    logger = log.bind(step=claim.kind, subject=claim.subject_id, shard=claim.shard)
    logger.info("step_started", attempt=claim.attempt)
    started = time.monotonic()
    try:
        with tracing.span(claim), Hold(worker, claim) as hold:
            save = HANDLERS[claim.kind](worker, claim, hold)
            with worker.database.write() as session:
                jobs.finish(session, claim)
                save(session)
                if claim.kind in audits.SPAN:
                    audits.report_progress(session, claim.subject_id)
    except StepLost:
        logger.info("step_lost")
        _tidy(worker, claim.kind, claim.subject_id)
    except Stopping:
        logger.info("step_given_back")
        _give_back(worker, claim)
    except Postponed as error:
        logger.warning("step_postponed", reason=str(error))
        _give_back(worker, claim, after_seconds=POSTPONED_SECONDS)
    except Exception as error:
        logger.warning("step_error", exc_info=not isinstance(error, ServiceError))
        _after_error(worker, claim, error)
    else:
        logger.info("step_done", seconds=round(time.monotonic() - started, 2))
    return True


def _claim(worker: Worker) -> Claim | None:
    with worker.database.write() as session:
        jobs.expire_leases(session, queues=worker.queues, gone=is_gone)
        dead = jobs.exhausted(session, queues=worker.queues)
        for step in dead:
            _fail_subject(session, step.kind, step.subject_id, step.problem or {})
        claim = jobs.claim(
            session,
            queues=worker.queues,
            owner=worker.name,
            lease_seconds=worker.settings.step_lease_seconds,
        )
        if claim is not None and claim.kind in audits.SPAN:
            audits.begin(session, claim.subject_id)
            audits.report_progress(session, claim.subject_id)
    for step in dead:
        _delete_rejected(worker, step.kind, step.subject_id, step.problem)
        _tidy(worker, step.kind, step.subject_id)
    return claim


def _give_back(worker: Worker, claim: Claim, *, after_seconds: float = 0.0) -> None:
    try:
        with worker.database.write() as session:
            jobs.give_back(session, claim, after_seconds=after_seconds)
    except StepLost:
        log.info("step_lost", subject=claim.subject_id)


def _after_error(worker: Worker, claim: Claim, error: Exception) -> None:
    try:
        with worker.database.write() as session:
            problem = jobs.retry_or_fail(session, claim, error)
            if problem is not None:
                _fail_subject(session, claim.kind, claim.subject_id, problem)
    except StepLost:
        log.info("step_lost", subject=claim.subject_id)
    else:
        if problem is not None:
            _delete_rejected(worker, claim.kind, claim.subject_id, problem)
            _tidy(worker, claim.kind, claim.subject_id)


def _delete_rejected(
    worker: Worker, kind: StepKind, subject_id: str, problem: dict[str, object] | None
) -> None:
    if kind is not StepKind.ingest:
        return
    if datasets.can_retry_with_columns(problem):
        worker.storage.delete(datasets.samples_key(subject_id))
    else:
        worker.storage.delete(datasets.folder(subject_id))


def _tidy(worker: Worker, kind: StepKind, subject_id: str) -> None:
    """Remove the checkpoints of an audit that will never be trained to its end."""
    if kind is not StepKind.train:
        return
    with worker.database.read() as session:
        audit = audits.find_audit(session, subject_id)
        if audit is not None and audit.status not in FINISHED:
            return
    for working in worker.storage.path(audits.folder(subject_id)).glob("shards/.*"):
        shutil.rmtree(working, ignore_errors=True)


def _fail_subject(
    session: Session, kind: StepKind, subject_id: str, problem: dict[str, object]
) -> None:
    match kind:
        case StepKind.ingest:
            datasets.reject(session, subject_id, problem)
        case StepKind.export:
            exports.fail_export(session, subject_id, problem)
        case StepKind.model | StepKind.predict:
            pass  # their own state tells; the ranking that they came after stands
        case _:
            audits.fail_audit(session, subject_id, problem)


def poll(worker: Worker, *, idle_seconds: float = 0.3) -> None:
    """Run steps as they come until told to stop: the embedded default's worker."""
    while not worker.stopping.is_set():
        try:
            busy = run_one(worker)
        except Exception as error:  # the database may be away for a moment
            log.warning("poll_failed", error=str(error))
            busy = False
        if not busy:
            worker.stopping.wait(idle_seconds)
