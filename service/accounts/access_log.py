"""The access log: who did what to which object, when, from where, and with what outcome.

An action is recorded in its own transaction, so none is missing from the log. Refusals are recorded
in separate transactions (`service.accounts.refusals`). The database prevents changes to entries,
and lets them be deleted only once they are older than the retention (`migrations/append_only.py`).
"""

import json
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

import structlog
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from labelaudit.enums import AccessOutcome
from service.core.principal import Principal
from service.db import tenant_filter
from service.db.tables import AccessEntry, LogRetention, now

log = structlog.get_logger()

NAME = "access_log"
WRITTEN = "access_entries"  # in a session: the lines that it wrote


def record(
    session: Session,
    action: str,
    subject: str | None = None,
    *,
    by: Principal | None = None,
    tenant_id: str | None = None,
    outcome: AccessOutcome = AccessOutcome.done,
    **detail: Any,
) -> None:
    """Record an action of `by`, or of the session's caller, or of the service itself."""
    caller = by or tenant_filter.caller_of(session)
    address, request_id = detail.pop("address", None), detail.pop("request_id", None)
    entry = AccessEntry(
        tenant_id=tenant_id or (caller.tenant_id if caller else None),
        action=action,
        outcome=outcome,
        key_id=caller.key_id if caller else None,
        name=caller.name if caller else None,
        subject=subject,
        address=caller.address if caller else address,
        request_id=caller.request_id if caller else request_id,
        detail=detail or None,
    )
    session.add(entry)
    session.info.setdefault(WRITTEN, []).append(entry)


def list_entries(
    session: Session,
    *,
    tenant_id: str | None,
    action: str | None = None,
    key_id: str | None = None,
    since: datetime | None = None,
    before: int | None = None,
    limit: int,
) -> Sequence[AccessEntry]:
    """Entries older than the id `before`, newest first. With the tenant None, those that belong to
    no organisation: failed sign-ins, and actions of the service itself."""
    query = select(AccessEntry).order_by(AccessEntry.id.desc()).limit(limit)
    query = query.where(AccessEntry.tenant_id == tenant_id)
    if action is not None:
        query = query.where(AccessEntry.action == action)
    if key_id is not None:
        query = query.where(AccessEntry.key_id == key_id)
    if since is not None:
        query = query.where(AccessEntry.at >= since)
    if before is not None:
        query = query.where(AccessEntry.id < before)
    return session.scalars(query).all()


def keep_for(session: Session, days: int) -> None:
    """Let lines go once they are so old; 0: never. Only the owner of the tables may."""
    session.merge(LogRetention(log=NAME, days=days))


def delete_expired(session: Session) -> int:
    """Delete the lines that are older than the retention; returns how many. On PostgreSQL by a
    function, since the service itself may delete nothing."""
    if session.get_bind().dialect.name == "postgresql":
        return session.scalar(text("SELECT delete_expired_access_log()")) or 0
    days = session.scalar(select(LogRetention.days).where(LogRetention.log == NAME))
    if not days:
        return 0
    oldest = now() - timedelta(days=days, seconds=1)  # the trigger counts in whole seconds
    gone = session.execute(delete(AccessEntry).where(AccessEntry.at < oldest))
    return int(gone.rowcount)  # type: ignore[attr-defined]


class AccessLogFile:
    """Appends every committed line as JSON to a file, for programs that collect logs.

    The table is the truth: a line is missing here if its process died between the commit and the
    write, or if the file could not be written, which the service's own log then tells. The file is
    opened anew each time, so it may be renamed at any moment.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError where nothing can be written to the file."""
        self._path, self._lock = path, Lock()
        self._append(b"")

    def committed(self, session: Session) -> None:
        """Write what the session wrote."""
        entries: list[AccessEntry] = session.info.pop(WRITTEN, [])
        if not entries:
            return
        lines = "".join(json.dumps(entry.to_dict(), default=_plain) + "\n" for entry in entries)
        try:
            self._append(lines.encode())
        except OSError as error:
            log.error("access_log_file_not_written", error=str(error), lines=len(entries))

    def _append(self, content: bytes) -> None:
        with self._lock:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                while content:
                    content = content[os.write(descriptor, content) :]
            finally:
                os.close(descriptor)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
