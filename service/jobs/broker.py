"""Notifies workers of new jobs. A Celery message says only "look at the job table": a lost one
delays a job until the next sweep, a duplicate finds nothing to do."""

from collections.abc import Callable

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from service.core.config import Settings

RUN_JOB = "labelaudit.run_job"
log = structlog.get_logger()


def make_app(settings: Settings) -> Celery:
    app = Celery("labelaudit", broker=settings.redis_url, set_as_current=False)
    app.conf.update(
        # The database lease is the truth: the sweep sends a lost message again.
        task_acks_late=False,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        result_backend=None,
        task_serializer="json",
        accept_content=["json"],
        task_default_queue="cpu",
        worker_prefetch_multiplier=1,
        # CUDA cannot be used after a fork, so children are spawned.
        worker_pool="prefork",
        worker_pool_start_method="spawn",
        worker_concurrency=1,
        worker_proc_alive_timeout=120,
        worker_max_tasks_per_child=50,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": 600,
            "socket_timeout": 30,
            "socket_keepalive": True,
            "health_check_interval": 25,
        },
    )
    return app


def notifier(settings: Settings) -> Callable[[set[str]], None]:
    """A function that notifies the workers of the given queues."""
    app = make_app(settings)

    def notify(queues: set[str]) -> None:
        for queue in sorted(queues):
            try:
                app.send_task(RUN_JOB, args=[queue], queue=queue, retry=False)
            except OperationalError as error:
                log.warning("notification_lost", queue=queue, error=str(error))

    return notify
