"""`python -m worker --queue cpu --queue gpu`: a worker for the given queues.

With Redis it is a Celery worker; without, it polls the database until SIGTERM, or until the process
that started it is gone.
"""

import argparse
import os
import signal
import threading

from service.core.config import settings
from service.jobs.graph import Queue
from service.observability import logs
from worker.runtime import tracing
from worker.runtime.context import Worker
from worker.runtime.runner import poll


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m worker", description=__doc__)
    parser.add_argument("--queue", action="append", choices=[*Queue], help="default: all of them")
    parser.add_argument("--follow", type=int, help="the process to end with; default: the parent")
    options = parser.parse_args()
    queues = options.queue or [*Queue]
    parent = options.follow or os.getppid()
    logs.configure()
    if settings().redis_url:
        from worker.celery import app

        app.worker_main(["worker", "-Q", ",".join(queues), "--loglevel=INFO"])
        return
    from worker.handlers.registry import HANDLERS

    tracing.configure()
    worker = Worker.open(settings(), set(queues), HANDLERS)
    stop = worker.stopping
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=_watch_parent, args=(parent, stop), daemon=True).start()
    poll(worker)


def _watch_parent(parent: int, stop: threading.Event) -> None:
    """A worker without its supervisor would live for ever: follow it."""
    while os.getppid() == parent:
        if stop.wait(2.0):
            return
    os._exit(0)


if __name__ == "__main__":
    main()
