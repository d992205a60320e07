"""What an application does again and again beside its requests."""

import asyncio
from collections.abc import Callable
from functools import partial

import structlog
from starlette.concurrency import run_in_threadpool

from service.core.config import Settings
from service.db.engine import Database
from service.jobs import records as jobs
from service.operations.cleanup import clean_up
from service.storage.local import Storage
from service.storage.upload_bucket import UploadBucket
from service.webhooks.sending import send_due

log = structlog.get_logger()


async def clean(
    database: Database, storage: Storage, bucket: UploadBucket | None, settings: Settings
) -> None:
    def act() -> None:
        deleted = clean_up(database, storage, bucket, cache_bytes=settings.encoding_cache_bytes)
        if deleted:
            log.info("cleaned_up", deleted=deleted)

    await repeat(act, settings.cleanup_seconds, "cleanup_failed")


async def sweep(
    database: Database, notify: Callable[[set[str]], None] | None, seconds: float
) -> None:
    """Notify again of jobs that nobody holds: a lost notification costs one round of this."""
    if notify is None:
        return

    def look() -> None:
        with database.read() as session:
            queues = jobs.waiting_queues(session)
        if queues:
            notify(queues)

    await repeat(look, seconds, "sweep_failed")


async def send_webhooks(database: Database, settings: Settings) -> None:
    """Send what the outbox has; several processes share the work."""
    if settings.webhook_hosts:
        send = partial(send_due, database, settings.webhook_hosts)
        await repeat(send, settings.webhook_seconds, "webhooks_not_sent")


async def repeat(act: Callable[[], object], seconds: float, failure: str) -> None:
    while True:
        await asyncio.sleep(seconds)
        await attempt(act, failure)


async def attempt(act: Callable[[], object], failure: str) -> None:
    try:
        await run_in_threadpool(act)
    except Exception as error:  # the loop must survive a database outage
        log.warning(failure, error=str(error))
