"""What runs jobs: a worker, and for each type of job the functions that it calls."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from labelaudit.enums import JobType
from service.backends import Backends, open_backends
from service.core.config import Settings
from service.db.engine import Database
from service.jobs.records import Claim
from service.storage.local import Storage
from worker.runtime.lease import JobLease
from worker.runtime.owner import own_name

Problem = dict[str, Any]
Commit = Callable[[Session], None]  # writes what a job made, in its finishing transaction


class Deferred(Exception):
    """Something that the job needs is unavailable: it is tried later, and this attempt does not
    count."""


@dataclass(frozen=True)
class JobHandler:
    """The functions for one type of job. `on_*` are called in the transaction that claims, renews,
    finishes or fails the job, with the id of its subject."""

    run: Callable[["Worker", Claim, JobLease], Commit]
    on_start: Callable[[Session, str], None]
    on_progress: Callable[[Session, str], None]
    on_failure: Callable[[Session, str, Problem], None]
    # after the job failed, with its problem, or was lost, without one
    cleanup: Callable[["Worker", str, Problem | None], None]


Handlers = Mapping[JobType, JobHandler]


@dataclass
class Worker:
    """What every job needs, opened once per process."""

    backends: Backends
    queues: set[str]
    handlers: Handlers
    name: str = field(default_factory=own_name)
    stopping: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def open(cls, settings: Settings, queues: set[str], handlers: Handlers) -> "Worker":
        return cls(open_backends(settings), queues, handlers)

    @property
    def settings(self) -> Settings:
        return self.backends.settings

    @property
    def database(self) -> Database:
        return self.backends.database

    @property
    def storage(self) -> Storage:
        return self.backends.storage

    @property
    def device(self) -> str:
        """Where to compute: the setting's device, `auto` meaning CUDA if there is one."""
        if self.settings.device != "auto":
            return self.settings.device
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"
