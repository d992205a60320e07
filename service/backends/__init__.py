"""Opens what holds the service's state, as its settings say: for the API, workers and commands."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import structlog
from sqlalchemy.orm import Session

from service.accounts.access_log import AccessLogFile
from service.core.config import Settings
from service.db.engine import APPENDED, Database
from service.storage.anchors import FOLDER, Anchors, SigningKey, make_key
from service.storage.local import Storage
from service.storage.upload_bucket import UploadBucket

log = structlog.get_logger()


@dataclass(frozen=True)
class Backends:
    settings: Settings
    database: Database
    storage: Storage
    notify: Callable[[set[str]], None] | None  # the workers of queues; None where they poll
    anchors: Anchors | None = None  # None where no key is set

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
    storage = Storage(
        settings.resolved_storage_dir,
        free_space_watermark_bytes=settings.free_space_watermark_bytes,
    )
    file = AccessLogFile(settings.access_log_file) if settings.access_log_file else None
    anchors = open_anchors(settings, storage)

    def committed(session: Session) -> None:
        if file is not None:
            file.committed(session)
        if anchors is not None:
            anchor_due(session, anchors)

    database = Database(
        settings.resolved_database_url,
        notify=notify,
        committed=committed,
        pool=settings.database_pool,
        lock_seconds=lock_seconds,
    )
    return Backends(settings, database, storage, notify, anchors)


def open_anchors(settings: Settings, storage: Storage) -> Anchors | None:
    """None where no key is set. Raises BadKey where it is none."""
    own, pem = settings.own_signing_key_file, settings.signing_key.get_secret_value()
    if own is not None:
        own.parent.mkdir(parents=True, exist_ok=True)
        make_key(own)
        key = SigningKey.of_file(own)
    elif pem:
        key = SigningKey(pem.encode())
    else:
        return None
    key.check()
    storage.path(FOLDER).mkdir(exist_ok=True)  # there to be backed up, if empty
    return Anchors(storage, key, every=settings.anchor_every)


def anchor_due(session: Session, anchors: Anchors) -> None:
    """Anchor what the session appended to chains of corrections, where it is due. What cannot be
    written now is anchored with a later correction."""
    for dataset_id, first, last, hash in session.info.pop(APPENDED, []):
        if anchors.is_due(first, last):
            try:
                anchors.write(dataset_id, last, hash)
            except OSError as error:
                log.error("anchor_not_written", dataset=dataset_id, seq=last, error=str(error))


def _notifier(settings: Settings) -> Callable[[set[str]], None] | None:
    if not settings.redis_url:
        return None
    from service.jobs.broker import notifier  # Celery takes long to load

    return notifier(settings)
