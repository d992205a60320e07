"""What a handler is given: the worker that runs it, and the lease of its job."""

import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from service.audits import records as audits
from service.core.config import Settings
from service.db.engine import Database
from service.jobs import records as jobs
from service.jobs.records import Claim, JobLost
from service.storage.local import Storage
from worker.runtime.owner import own_name

log = structlog.get_logger()

PROGRESS_SECONDS = 1.0
GRACE_SECONDS = 10.0  # for a job that lost its lease; then its process is ended

Commit = Callable[[Session], None]


class Stopping(Exception):
    """This worker must stop: its job is released for another worker."""


class Deferred(Exception):
    """Something that the job needs is unavailable: it is tried later, and this attempt does not
    count."""


@dataclass
class Worker:
    """What every job needs, opened once per process."""

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
        from service.jobs.broker import notifier

        database = Database(settings.resolved_database_url, notify=notifier(settings))
        storage = Storage(
            settings.resolved_storage_dir,
            free_space_watermark_bytes=settings.free_space_watermark_bytes,
        )
        return cls(settings, database, storage, queues)


class JobLease:
    """Renews a claimed job's lease in a thread of its own, and reports the job's progress."""

    def __init__(self, worker: Worker, claim: Claim) -> None:
        self.worker, self.claim = worker, claim
        self.progress = 0.0
        self._lost = threading.Event()
        self._done = threading.Event()
        self._reported_at = time.monotonic()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="lease")

    def __enter__(self) -> "JobLease":
        self._watch()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        faulthandler.cancel_dump_traceback_later()
        self._done.set()
        self._thread.join()

    def report(self, share: float) -> None:
        """Report that this share of the job, in [0, 1], is done.

        Raises
        ------
        JobLost
            The job was cancelled or another worker has taken it over.
        Stopping
            The worker must stop.
        """
        self.progress = max(self.progress, min(1.0, share))
        if self._lost.is_set():
            raise JobLost(self.claim)
        if self.worker.stopping.is_set():
            raise Stopping
        if time.monotonic() - self._reported_at >= PROGRESS_SECONDS:
            self._reported_at = time.monotonic()
            self._watch()
            try:
                self._renew(report=True)
            except SQLAlchemyError as error:  # the job goes on while its lease lasts
                log.warning("progress_not_reported", error=str(error))

    def _watch(self) -> None:
        """End the process with a traceback unless the job reports progress in time. Renewing the
        lease only proves that its thread lives; this works even if the job never releases the
        GIL."""
        limit = self.worker.settings.job_stall_seconds
        faulthandler.dump_traceback_later(limit, exit=True, file=sys.__stderr__ or 2)

    def _renew(self, *, report: bool) -> None:
        with self.worker.database.write() as session:
            jobs.renew(
                session,
                self.claim,
                lease_seconds=self.worker.settings.job_lease_seconds,
                progress=self.progress,
            )
            if report and self.claim.type in audits.SPAN:
                audits.report_progress(session, self.claim.subject_id)

    def _beat(self) -> None:
        every = self.worker.settings.job_lease_seconds / 3
        while not self._done.wait(every):
            try:
                self._renew(report=False)
            except JobLost:
                self._lost.set()
                if not self._done.wait(GRACE_SECONDS):
                    log.error("job_would_not_stop", job=self.claim)
                    os._exit(1)
                return
            except (
                Exception
            ) as error:  # the database may be down; the job goes on while its lease lasts
                log.warning("heartbeat_failed", error=str(error))
