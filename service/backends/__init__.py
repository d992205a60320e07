"""Opens what holds the service's state, as its settings say: for the API, workers and commands."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from service.core.config import Settings
from service.db.engine import Database
from service.storage.local import Storage
from service.storage.upload_bucket import UploadBucket


@dataclass(frozen=True)
class Backends:
    settings: Settings
    database: Database
    storage: Storage
    notify: Callable[[set[str]], None] | None  # the workers of queues; None where they poll

    @cached_property
    def upload_bucket(self) -> UploadBucket | None:
        """Where direct uploads arrive; None without one."""
        return UploadBucket.of(self.settings)

    def close(self) -> None:
        self.database.dispose()


def open_backends(settings: Settings, *, lock_seconds: float = 0) -> Backends:
    """The database, the storage and the broker; nobody waits longer than `lock_seconds` for
    somebody else's transaction, 0 meaning for ever."""
    notify = _notifier(settings)
    database = Database(
        settings.resolved_database_url,
        notify=notify,
        pool=settings.database_pool,
        lock_seconds=lock_seconds,
    )
    storage = Storage(
        settings.resolved_storage_dir,
        free_space_watermark_bytes=settings.free_space_watermark_bytes,
    )
    return Backends(settings, database, storage, notify)


def _notifier(settings: Settings) -> Callable[[set[str]], None] | None:
    if not settings.redis_url:
        return None
    from service.jobs.broker import notifier  # Celery takes long to load

    return notifier(settings)
