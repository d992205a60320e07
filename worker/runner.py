"""Runs one step: claim it, keep its lease while it runs, finish or fail it.

The same function serves a Celery task (rung by a message) and the embedded default (a loop that
polls). Handlers compute outside any transaction and return what to save; saving, marking the step
done and starting what follows happen in one transaction, under the step's fence.
"""

import faulthandler
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from service import audits, datasets, exports
from service.config import Settings
from service.errors import ServiceError
from service.models import FINISHED, StepKind
from service.running import steps
from service.running.steps import Claim, StepLost
from service.store.database import Database
from service.store.storage import Storage
from worker import tracing
from worker.identity import is_gone, own_name

log = structlog.get_logger()

PROGRESS_SECONDS = 1.0
POSTPONED_SECONDS = 20.0
GRACE_SECONDS = 10.0  # a fenced step that does not stop by itself is ended with its process

Save = Callable[[Session], None]


class Stopping(Exception):
    """This worker was told to stop: its step goes back for somebody else."""


class Postponed(Exception):
    """Something that the step needs is away or full: it is tried later, as if it had not been."""


@dataclass
class Worker:
    """What every step needs, opened once in the process that runs it."""

    settings: Settings
    database: Database
    storage: Storage
    queues: set[str]
    name: str = field(default_factory=own_name)
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def device(self) -> str:
        """Where to compute: the setting's device, `auto` meaning CUDA where there is one."""
        if self.settings.device != "auto":
            return self.settings.device
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"

    @classmethod
    def open(cls, settings: Settings, queues: set[str]) -> "Worker":
        from service.running.broker import doorbell

        database = Database(settings.resolved_database_url, ring=doorbell(settings))
        storage = Storage(
            settings.resolved_storage_dir,
            free_space_watermark_bytes=settings.free_space_watermark_bytes,
        )
        return cls(settings, database, storage, queues)


class Hold:
    """Keeps a claimed step's lease from a thread of its own, and carries its progress.

    Calling it with a share in [0, 1] tells how far the step is; it raises StepLost once the step
    has been cancelled or taken over, and Stopping once the worker was told to stop, which is how a
    handler learns of it.
    """

    def __init__(self, worker: Worker, claim: Claim) -> None:
        self.worker, self.claim = worker, claim
        self.progress = 0.0
        self._lost = threading.Event()
        self._done = threading.Event()
        self._told = time.monotonic()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="lease")

    def __enter__(self) -> "Hold":
        self._watch()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        faulthandler.cancel_dump_traceback_later()
        self._done.set()
        self._thread.join()

    def __call__(self, share: float) -> None:
        self.progress = max(self.progress, min(1.0, share))
        if self._lost.is_set():
            raise StepLost(self.claim)
        if self.worker.stopping.is_set():
            raise Stopping
        if time.monotonic() - self._told >= PROGRESS_SECONDS:
            self._told = time.monotonic()
            self._watch()
            try:
                self._renew(tell=True)
            except SQLAlchemyError as error:  # the work goes on; the lease decides
                log.warning("progress_not_told", error=str(error))

    def _watch(self) -> None:
        """Renewing proves that a thread lives, not that work moves: a step that tells no progress
        for this long ends with its process and a traceback, even where it never lets go of
        Python's lock, and its lease with it."""
        limit = self.worker.settings.step_stall_seconds
        faulthandler.dump_traceback_later(limit, exit=True, file=sys.__stderr__ or 2)

    def _renew(self, *, tell: bool) -> None:
        with self.worker.database.write() as session:
            steps.renew(
                session,
                self.claim,
                lease_seconds=self.worker.settings.step_lease_seconds,
                progress=self.progress,
            )
            if tell and self.claim.kind in audits.SPAN:
                audits.report_progress(session, self.claim.subject_id)

    def _beat(self) -> None:
        every = self.worker.settings.step_lease_seconds / 3
        while not self._done.wait(every):
            try:
                self._renew(tell=False)
            except StepLost:
                self._lost.set()
                if not self._done.wait(GRACE_SECONDS):
                    log.error("step_would_not_stop", step=self.claim)
                    os._exit(1)
                return
            except Exception as error:  # the database may be away; the lease decides
                log.warning("heartbeat_failed", error=str(error))


def run_one(worker: Worker) -> bool:
    """Claim and run one step. False when there was none."""
    from worker.tasks import HANDLERS

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
                steps.finish(session, claim)
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
        steps.expire_leases(session, queues=worker.queues, gone=is_gone)
        dead = steps.exhausted(session, queues=worker.queues)
        for step in dead:
            _fail_subject(session, step.kind, step.subject_id, step.problem or {})
        claim = steps.claim(
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
            steps.give_back(session, claim, after_seconds=after_seconds)
    except StepLost:
        log.info("step_lost", subject=claim.subject_id)


def _after_error(worker: Worker, claim: Claim, error: Exception) -> None:
    try:
        with worker.database.write() as session:
            problem = steps.retry_or_fail(session, claim, error)
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
    if datasets.is_mended_by_columns(problem):
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
