"""The Celery worker, `celery -A worker.celery worker -Q gpu`: a message is a look at the steps."""

from functools import lru_cache

from service import logs
from service.broker import RUN_STEP, make_app
from service.config import settings
from worker import tracing
from worker.runner import Worker, run_one

logs.configure()  # spawned children import only this module
app = make_app(settings())


@lru_cache
def opened(queue: str) -> Worker:
    tracing.configure()
    return Worker.open(settings(), {queue})


@app.task(name=RUN_STEP)
def run_step(queue: str) -> None:
    """Run one step of the queue, and ring again in case there are more."""
    worker = opened(queue)
    if run_one(worker):
        run_step.apply_async(args=(queue,), queue=queue, retry=False)
