"""The Celery worker, `celery -A worker.celery worker -Q gpu`: a message makes it look for jobs."""

import os
import signal
import threading
from functools import lru_cache

from billiard import active_children
from celery.signals import worker_process_init, worker_shutting_down

from service.core.config import settings
from service.jobs.broker import RUN_JOB, make_app
from service.observability import logs
from worker.runtime import tracing
from worker.runtime.context import Worker
from worker.runtime.runner import run_one

logs.configure()  # spawned children import only this module
app = make_app(settings())
STOP = signal.SIGUSR2  # Celery's children ignore or reuse the usual ones
stopping = threading.Event()


@lru_cache
def opened(queue: str) -> Worker:
    from worker.handlers.registry import HANDLERS  # in the children alone: the parent stays small

    tracing.configure()
    worker = Worker.open(settings(), {queue}, HANDLERS)
    worker.stopping = stopping
    return worker


@worker_process_init.connect
def listen(**_: object) -> None:
    """In a child: learn that the worker must stop, which Celery tells only its parent."""
    signal.signal(STOP, lambda *_: stopping.set())


@worker_shutting_down.connect
def release_jobs(**_: object) -> None:
    """In the parent: have the children release their jobs instead of finishing them."""
    for child in active_children():
        if child.pid is not None:
            os.kill(child.pid, STOP)


@app.task(name=RUN_JOB)
def run_job(queue: str) -> None:
    """Run one job of the queue, and notify again in case there are more."""
    if stopping.is_set() or run_one(opened(queue)):
        run_job.apply_async(args=(queue,), queue=queue, retry=False)
