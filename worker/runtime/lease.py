"""The lease of a running job: renewed in the background, checked whenever progress is reported."""

import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from service.core.config import Settings
from service.db.engine import Database
from service.jobs import records as jobs
from service.jobs.records import Claim, JobLost

log = structlog.get_logger()

PROGRESS_SECONDS = 1.0
GRACE_SECONDS = 10.0  # for a job that lost its lease; then its process is ended


class Stopping(Exception):
    """This worker must stop: its job is released for another worker."""


class JobLease:
    """Renews a claimed job's lease in a thread of its own, and reports the job's progress."""

    def __init__(
        self,
        claim: Claim,
        *,
        settings: Settings,
        database: Database,
        stopping: threading.Event,
        on_progress: Callable[[Session, str], None],
    ) -> None:
        self.claim = claim
        self.progress = 0.0
        self._settings, self._database = settings, database
        self._stopping, self._on_progress = stopping, on_progress
        self._lost = threading.Event()
        self._done = threading.Event()
        self._reported_at = time.monotonic()
        self._thread = threading.Thread(target=self._keep, daemon=True, name="lease")

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
        if self._stopping.is_set():
            raise Stopping
        if time.monotonic() - self._reported_at >= PROGRESS_SECONDS:
            self._reported_at = time.monotonic()
            self._watch()
            try:
                with self._database.write() as session:
                    self._renew(session)
                    self._on_progress(session, self.claim.subject_id)
            except SQLAlchemyError as error:  # the job goes on while its lease lasts
                log.warning("progress_not_reported", error=str(error))

    def _watch(self) -> None:
        """End the process with a traceback unless the job reports progress in time. Renewing the
        lease only proves that its thread lives; this works even if the job never releases the
        GIL."""
        limit = self._settings.job_stall_seconds
        faulthandler.dump_traceback_later(limit, exit=True, file=sys.__stderr__ or 2)

    def _renew(self, session: Session) -> None:
        lease_seconds = self._settings.job_lease_seconds
        jobs.renew(session, self.claim, lease_seconds=lease_seconds, progress=self.progress)

    def _keep(self) -> None:
        """Renew the lease until the job is done or lost."""
        while not self._done.wait(self._settings.job_lease_seconds / 3):
            try:
                with self._database.write() as session:
                    self._renew(session)
            except JobLost:
                self._lost.set()
                if not self._done.wait(GRACE_SECONDS):
                    log.error("job_would_not_stop", job=self.claim)
                    os._exit(1)
                return
            except Exception as error:  # the database may be down; the lease outlasts a moment
                log.warning("heartbeat_failed", error=str(error))
